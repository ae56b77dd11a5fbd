"""Checks docs/vectors/messages.json with code that shares nothing with ours: cbor2 encodes the claims anew from their meaning, pycose and
cryptography sign and verify, pycddl compares the shape with docs/protocol.cddl.

Run: python3 messages.py ../../docs/vectors/messages.json
"""
import json
import pathlib
import re
import sys

import cbor2
import pycddl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pycose.algorithms import EdDSA
from pycose.headers import Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

NODE = -65537


def confirmation(key):
    return {1: {1: 1, -1: 6, -2: bytes.fromhex(key)}}


# Meaning -> (in the private claim, label, how it is written)
FIELDS = {
    "issuer": (False, 1, str), "device": (False, 3, str), "expires": (False, 4, int), "notBefore": (False, 5, int),
    "issuedAt": (False, 6, int), "salt": (False, 7, bytes.fromhex), "confirm": (False, 8, confirmation),
    "epoch": (True, 0, int), "seq": (True, 1, int), "call": (True, 2, list), "token": (True, 3, bytes.fromhex),
    "nested": (True, 4, bytes.fromhex), "index": (True, 5, int), "previous": (True, 6, bytes.fromhex),
    "hash": (True, 7, bytes.fromhex), "outcome": (True, 8, int), "value": (True, 9, lambda v: v),
    "nonce": (True, 10, bytes.fromhex), "recovery": (True, 11, bytes.fromhex), "flags": (True, 12, int),
    "backups": (True, 13, lambda list: [[bytes.fromhex(key), silence] for key, silence in list]),
    "scope": (True, 14, list), "uses": (True, 15, int), "hops": (True, 16, int),
    "contract": (True, 17, lambda pair: [pair[0], bytes.fromhex(pair[1])]), "meter": (True, 18, list),
    "grant": (True, 19, bytes.fromhex), "paid": (True, 20, int), "entry": (True, 21, bytes.fromhex),
    "board": (True, 22, str), "version": (True, 23, str), "test": (True, 24, bool),
    "boot": (True, 26, int), "uptime": (True, 27, int), "first": (True, 28, int), "samples": (True, 29, list),
    "time": (True, 30, int),
    "claim": (True, 31, bytes.fromhex), "protected": (True, 32, bool), "lostFrom": (True, 33, int),
    "purpose": (True, 34, int), "counterparty": (True, 35, bytes.fromhex), "authorities": (True, 36, bytes.fromhex),
    "consent": (True, 37, bytes.fromhex), "authorityList": (True, 38, lambda list: [
        list[0] and bytes.fromhex(list[0]), list[1] and bytes.fromhex(list[1]), list[2],
        [[bytes.fromhex(key), silence] for key, silence in list[3]]]),
    "refusal": (True, 39, int), "head": (True, 40, lambda pair: [pair[0], bytes.fromhex(pair[1])]),
    "mark": (True, 41, int), "since": (True, 42, int), "imageHash": (True, 43, bytes.fromhex),
}


def claims(meaning):
    outer, inner = {}, {}
    for name, value in meaning.items():
        private, label, write = FIELDS[name]
        (inner if private else outer)[label] = write(value)
    outer[NODE] = inner
    return outer


CDDL = (pathlib.Path(__file__).resolve().parent.parent.parent / "docs/protocol.cddl").read_text(encoding="utf-8")
# Types whose rule has another name: "time" is a rule of CDDL's own.
RULES = {"accept": "acceptance", "attest": "attestation", "time": "time-statement", "refusal": "refusal-statement"}


def shape(rule, encoded, arguments=0):
    """Raises unless `encoded` has the shape of `rule`.

    pycddl 0.6.4 matches neither an array that ends in a repetition nor .cbor within an array: the former is spelled out for the number of
    arguments at hand, the latter left out (what is inside is checked by its own rule).
    """
    schema = CDDL.replace(", * argument ]", ", argument" * arguments + " ]")
    schema = re.sub(r"(protected|payload): bytes \.cbor (\{[^}]*\}|claims)", r"\1: bytes", schema)
    assert schema.count("argument ]") or not arguments
    pycddl.Schema(f"start = {rule}\n{schema}").validate_cbor(encoded)


def refuses(rule, encoded, arguments=0):
    try:
        shape(rule, encoded, arguments)
    except pycddl.ValidationError:
        return True
    return False


def check_shape(vector, encoded):
    payload = cbor2.loads(encoded).value[2]
    rule = RULES.get(vector["type"], vector["type"])
    arguments = max(0, len(vector["claims"].get("call", [])) - 2)
    shape("signed", encoded)
    shape(rule, payload, arguments)
    # Without its first claim, and with one that no rule knows, it is something else.
    claims = cbor2.loads(payload)
    for changed in ({key: claims[key] for key in list(claims)[1:]}, {**claims, 99: 1}):
        assert refuses(rule, cbor2.dumps(changed, canonical=True), arguments), f"the CDDL takes {changed} for {rule}"


def check(vector, network, seeds):
    encoded = bytes.fromhex(vector["message"])
    seed = bytes([seeds[vector["signer"]]]) * 32
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    aad = cbor2.dumps(["lightnode", 2, network, vector["type"]], canonical=True)
    wanted = claims(vector["claims"])
    assert cbor2.loads(cbor2.loads(encoded).value[2]) == wanted, "the claims mean something else"

    check_shape(vector, encoded)
    received = Sign1Message.decode(encoded)
    received.external_aad = aad
    received.key = OKPKey(crv=Ed25519, x=public)
    assert received.verify_signature(), "pycose does not verify the signature"

    made = Sign1Message(phdr={Algorithm: EdDSA}, payload=cbor2.dumps(wanted, canonical=True), external_aad=aad)
    made.key = OKPKey(crv=Ed25519, x=public, d=seed)
    assert made.encode() == encoded, "pycose and cbor2 make other bytes"


def check_problem(problem):
    """RFC 9290 section 2: a title (-1) and a detail (-2), then entries of one's own under a URI or a registered number."""
    assert isinstance(problem[-1], str) and set(problem) <= {-1, -2, "tag:lightnode,2026:refusal"}, f"not RFC 9290's: {problem}"
    refusal = problem["tag:lightnode,2026:refusal"]
    assert refusal[0] > 0, f"no code: {problem}"
    untitled = {key: value for key, value in problem.items() if key != -1}
    for changed in (untitled, {**problem, -1: 1}, {**problem, "tag:lightnode,2026:refusal": {}}):
        assert refuses("problem", cbor2.dumps(changed, canonical=True)), f"the CDDL takes {changed} for a problem"


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
    for body in contents["bodies"]:
        try:
            encoded = bytes.fromhex(body["body"])
            assert cbor2.dumps(cbor2.loads(encoded), canonical=True) == encoded, "cbor2 makes other bytes"
            shape(body["rule"], encoded)
            if body["rule"] == "problem":
                check_problem(cbor2.loads(encoded))
        except Exception as problem:
            failed += 1
            print(f"body ({body['rule']}): {type(problem).__name__} {problem}")
    count = len(contents["vectors"]) + len(contents["bodies"])
    print(f"{count - failed} vectors agree, {failed} do not")
    sys.exit(1 if failed or not contents["vectors"] or not contents["bodies"] else 0)


main()
