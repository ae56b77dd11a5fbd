#!/usr/bin/env bash
# A COSE_Sign1's signature is expected to cover the protected header's bytes as they were sent: a verifier on a small node copies that byte
# string into the Sig_structure and never decodes it first. There is one exception. A sender may write an empty protected header as a byte
# string with an empty map, h'a0', and a recipient must take it, but in the Sig_structure it stands as the empty string, h'' (RFC 9052, 3
# and 4.4). Both pycose and cwt do so: h'a0' on the wire verifies if h'' was signed, and does not if h'a0' was.
# A verifier that copies bytes agrees with both in every other case, non-shortest encodings included, and refuses a valid message in this.
# Versions: pycose 1.1.0, cwt 3.3.0, cbor2 5.9.0 (PyPI), Python 3.11; both signed here by `cryptography`, with Ed25519.
# Seen (pycose, cwt): a10127 as sent: valid, valid; a1180127 as sent: valid, valid; a0 as h'': valid, valid; a0 as h'a0': false, false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" -q install pycose==1.1.0 cwt==3.3.0 cbor2==5.9.0 2>/dev/null
cat >"$folder/verify.py" <<'PYTHON'
import cbor2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSE, COSEKey
from cwt.exceptions import VerifyError
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
KEY_ID, PAYLOAD = b"1", b"reading"


def sign(sent, signed):
    """A COSE_Sign1 that carries `sent` as its protected header and whose signature is over `signed` in its place."""
    signature = private.sign(cbor2.dumps(["Signature1", signed, b"", PAYLOAD]))
    unprotected = {4: KEY_ID} if len(sent) > 1 else {1: -8, 4: KEY_ID}
    return cbor2.dumps(cbor2.CBORTag(18, [sent, unprotected, PAYLOAD, signature]))


def verify(message):
    decoded = Sign1Message.decode(message)
    decoded.key = OKPKey(crv=Ed25519, x=public)
    try:
        COSE.new().decode(message, COSEKey.new({1: 1, 2: KEY_ID, 3: -8, -1: 6, -2: public}))
        other = True
    except VerifyError:
        other = False
    return decoded.verify_signature(), other


for sent, signed, expected in (("a10127", "a10127", True), ("a1180127", "a1180127", True), ("a0", "", True), ("a0", "a0", False)):
    seen = verify(sign(bytes.fromhex(sent), bytes.fromhex(signed)))
    print(f"sent h'{sent}', signed h'{signed}': pycose {seen[0]}, cwt {seen[1]}")
    assert seen == (expected, expected)
PYTHON
"$folder/python/bin/python" "$folder/verify.py"
