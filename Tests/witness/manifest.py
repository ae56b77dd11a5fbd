"""Verifies the signature of a manifest, JSON or CSV, with Python's json, csv and cryptography alone.

Run: python3 manifest.py FILE STATIONKEY
"""
import csv
import io
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DOMAIN = b"lightnode-manifest-v1\n"


def from_json(content):
    document = json.loads(content)
    signature = document.pop("signature")
    signed = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return document["publicKey"], signature, signed, len(document["devices"])


def from_csv(content):
    # The values are signed, as the csv module writes them too: in quotes only where they must be.
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if row]
    last = rows[-1]
    assert last[0] == "signature" and len(last) == 5, "the last row is no signature"
    signed = io.StringIO()
    csv.writer(signed, lineterminator="\r\n").writerows([*rows[:-1], last[:4]])
    signed = signed.getvalue().removesuffix("\r\n").encode() + b","
    return last[3], last[4], signed, len(rows) - 2


def main():
    with open(sys.argv[1], "rb") as file:
        content = file.read()
    key, signature, signed, count = (from_json if content.lstrip().startswith(b"{") else from_csv)(content)
    assert key == sys.argv[2], "another station's key"
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), DOMAIN + signed)
    print(f"{count} devices, signed by {key}")


main()
