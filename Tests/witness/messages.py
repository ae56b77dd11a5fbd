"""Checks docs/vectors/messages.json with code that shares nothing with ours: cbor2 encodes the claims anew from their meaning, pycose and
cryptography sign and verify.

Run: python3 messages.py ../../docs/vectors/messages.json
"""
import json
import sys

try:
    import cbor2
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from pycose.algorithms import EdDSA
    from pycose.headers import Algorithm
    from pycose.keys import OKPKey
    from pycose.keys.curves import Ed25519
    from pycose.messages import Sign1Message
except ImportError as missing:
    print(missing)
    sys.exit(77)

NODE = -65537


def confirmation(key):
    return {1: {1: 1, -1: 6, -2: bytes.fromhex(key)}}


# Meaning -> (in the private claim, label, how it is written)
FIELDS = {
    "issuer": (False, 1, str), "device": (False, 3, str), "expires": (False, 4, int), "notBefore": (False, 5, int),
    "issuedAt": (False, 6, int), "id": (False, 7, bytes.fromhex), "confirm": (False, 8, confirmation),
    "epoch": (True, 0, int), "seq": (True, 1, int), "call": (True, 2, list), "token": (True, 3, bytes.fromhex),
    "nested": (True, 4, bytes.fromhex), "index": (True, 5, int), "previous": (True, 6, bytes.fromhex),
    "hash": (True, 7, bytes.fromhex), "outcome": (True, 8, int), "value": (True, 9, lambda v: v),
    "nonce": (True, 10, bytes.fromhex), "recovery": (True, 11, bytes.fromhex), "flags": (True, 12, int),
    "backups": (True, 13, lambda list: [[bytes.fromhex(key), silence] for key, silence in list]),
    "scope": (True, 14, list), "uses": (True, 15, int), "hops": (True, 16, int),
    "contract": (True, 17, lambda pair: [pair[0], bytes.fromhex(pair[1])]), "meter": (True, 18, list),
    "grant": (True, 19, bytes.fromhex), "paid": (True, 20, int), "entry": (True, 21, bytes.fromhex),
    "board": (True, 22, str), "version": (True, 23, str), "test": (True, 24, bool),
    "boot": (True, 26, int), "uptime": (True, 27, int), "first": (True, 28, int), "samples": (True, 29, list), "time": (True, 30, int),
}


def claims(meaning):
    outer, inner = {}, {}
    for name, value in meaning.items():
        private, label, write = FIELDS[name]
        (inner if private else outer)[label] = write(value)
    outer[NODE] = inner
    return outer


def check(vector, network, seeds):
    encoded = bytes.fromhex(vector["message"])
    seed = bytes([seeds[vector["signer"]]]) * 32
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    aad = cbor2.dumps(["lightnode", 1, network, vector["type"]], canonical=True)
    wanted = claims(vector["claims"])
    assert cbor2.loads(cbor2.loads(encoded).value[2]) == wanted, "the claims mean something else"

    received = Sign1Message.decode(encoded)
    received.external_aad = aad
    received.key = OKPKey(crv=Ed25519, x=public)
    assert received.verify_signature(), "pycose does not verify the signature"

    made = Sign1Message(phdr={Algorithm: EdDSA}, payload=cbor2.dumps(wanted, canonical=True), external_aad=aad)
    made.key = OKPKey(crv=Ed25519, x=public, d=seed)
    assert made.encode() == encoded, "pycose and cbor2 make other bytes"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        contents = json.load(file)
    failed = 0
    for number, vector in enumerate(contents["vectors"]):
        try:
            check(vector, contents["network"], contents["keys"])
        except Exception as problem:  # every kind of disagreement is a finding
            failed += 1
            print(f"vector {number} ({vector['type']}): {type(problem).__name__} {problem}")
    print(f"{len(contents['vectors']) - failed} vectors agree, {failed} do not")
    sys.exit(1 if failed or not contents["vectors"] else 0)


main()
