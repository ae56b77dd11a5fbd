"""Checks docs/vectors/chain.json with code that shares nothing with ours: cbor2 encodes every transaction anew from its meaning, pycose verifies what is
signed, pycddl compares shapes with docs/chain.cddl, pymerkle computes the roots of the history and verifies its proofs, and the tree of states is computed
here from all its records, as docs/chain.md describes it.

Run: python3 chain.py ../../docs/vectors/chain.json
"""
import hashlib
import json
import pathlib
import re
import sys

import cbor2
import pycddl
from pycose.algorithms import EdDSA
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message
from pymerkle import InmemoryTree
from pymerkle.hasher import MerkleHasher

CDDL = (pathlib.Path(__file__).resolve().parent.parent.parent / "docs/chain.cddl").read_text(encoding="utf-8")
# pycddl matches no .cbor within an array (what is inside is checked by its own rule), nor a choice of a sized byte string and null there.
CDDL = re.sub(r"bytes \.cbor (\{[^}]*\}|signed)", "bytes", CDDL)
ZERO = bytes(32)
HASHER = MerkleHasher("sha256", True)


def sha(data):
    return hashlib.sha256(data).digest()


def shape(rule, encoded):
    pycddl.Schema(f"start = {rule}\n{CDDL}").validate_cbor(encoded)


def exactly(encoded):
    """The item that the bytes are, which must be its one deterministic encoding."""
    item = cbor2.loads(encoded)
    assert cbor2.dumps(item, canonical=True) == encoded, "another encoding than the deterministic one"
    return item


def meaning(item):
    """JSON as the vectors have it: texts that begin with h are byte strings."""
    if isinstance(item, list):
        return [meaning(part) for part in item]
    if isinstance(item, str) and re.fullmatch(r"h([0-9a-f]{2})*", item):
        return bytes.fromhex(item[1:])
    return item


def opened(encoded, key, kind, network):
    """The payload of a COSE_Sign1 that `key` signed as an object of that kind."""
    shape("signed", encoded)
    message = Sign1Message.decode(encoded)
    message.external_aad = cbor2.dumps(["lightnode", 2, network, kind], canonical=True)
    message.key = OKPKey(crv=Ed25519, x=key)
    assert message.verify_signature(), f"pycose does not verify the {kind}"
    for other in ("chain-transaction", "chain-header", "chain-certificate", "chain-review", "command"):
        message.external_aad = cbor2.dumps(["lightnode", 2, network, other], canonical=True)
        assert other == kind or not message.verify_signature(), f"a {kind} serves as {other}"
    return message.payload


def root(entries):
    """RFC 9162's root, by pymerkle."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree.get_root()


def state_root(records, depth=0):
    """docs/chain.md: the root over pairs of path and value."""
    if not records:
        return ZERO
    if len(records) == 1:
        return sha(b"\0" + records[0][0] + records[0][1])
    sides = ([], [])
    for path, value in records:
        sides[path[depth // 8] >> (7 - depth % 8) & 1].append((path, value))
    return sha(b"\1" + state_root(sides[0], depth + 1) + state_root(sides[1], depth + 1))


def state_proof(path, proof, expected):
    value, siblings, other = exactly(proof)
    steps = [siblings[at:at + 32] for at in range(0, len(siblings), 32)]
    if value is not None:
        node = sha(b"\0" + path + value)
    else:
        node = ZERO if other is None else sha(b"\0" + other[0] + other[1])
    for depth in reversed(range(len(steps))):
        right = path[depth // 8] >> (7 - depth % 8) & 1
        node = sha(b"\1" + (steps[depth] + node if right else node + steps[depth]))
    assert node == expected, "the proof leads to another root"
    return value


def grown(former, size, path, root, present):
    """RFC 9162, section 2.1.4.2: a tree has grown out of another."""
    if former == size:
        return not path and root == present
    steps = list(path) if former & (former - 1) else [root, *path]
    place, last = former - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = now = steps[0]
    for step in steps[1:]:
        if place % 2 or place == last:
            before, now = HASHER.hash_pair(step, before), HASHER.hash_pair(step, now)
            while place and not place % 2:
                place, last = place >> 1, last >> 1
        else:
            now = HASHER.hash_pair(now, step)
        place, last = place >> 1, last >> 1
    return last == 0 and (before, now) == (root, present)


def check_history(history, entries):
    """pymerkle's own tree over the genesis and the headers."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    size, present = len(entries), tree.get_root()
    assert present.hex() == history["root"]
    for number, proof in enumerate(history["inclusion"]):
        # It counts leaves from 1, and puts the leaf itself before the path.
        theirs = tree.prove_inclusion(number + 1, size)
        assert exactly(bytes.fromhex(proof)) == [size, number, theirs.path[1:]], f"inclusion of {number}"
    for number, proof in enumerate(history["consistency"], 1):
        former, whole, path = exactly(bytes.fromhex(proof))
        assert (former, whole) == (number, size)
        assert grown(former, size, path, tree.get_root(number), present), f"consistency with {number}"
    return 2 * size


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        contents = json.load(file)
    network, records = contents["network"], 0
    genesis = exactly(bytes.fromhex(contents["genesis"]))
    assert genesis[0] == "lightnode-chain" and genesis[1] == network
    name = sha(b"\0" + bytes.fromhex(contents["genesis"]))
    assert name.hex() == contents["name"]

    by_height = {}
    for vector in contents["transactions"]:
        encoded, told = bytes.fromhex(vector["bytes"]), meaning(vector["meaning"])
        payload = opened(encoded, told[0], "chain-transaction", network)
        assert cbor2.dumps(told, canonical=True) == payload, f"cbor2 makes other bytes of {told}"
        assert sha(b"\0" + encoded).hex() == vector["id"]
        by_height.setdefault(vector["height"], []).append(encoded)
        records += 1
    assert {meaning(vector["meaning"])[4][0] for vector in contents["transactions"]} == set(range(15)), "every action has a vector"

    rules, threshold, keys = exactly(bytes.fromhex(contents["representatives"]))
    shape("representatives", bytes.fromhex(contents["representatives"]))
    keys = [keys[at:at + 32] for at in range(0, len(keys), 32)]
    assert (rules, threshold, len(keys)) == (1, 71, 105) and keys == sorted(keys)
    previous, entries = name, [bytes.fromhex(contents["genesis"])]
    for row in contents["blocks"]:
        signed, reveal, commitment, transactions = exactly(bytes.fromhex(row["block"]))
        payload = cbor2.loads(signed).value[2]
        shape("header", payload)
        header = exactly(payload)
        assert opened(signed, header[10], "chain-header", network) == payload
        assert header[0] == 1 and header[3] == previous and len(payload) < 310
        assert header[4] == root(transactions)
        assert transactions == by_height[header[1]]
        assert header[7] == root(entries), "the history is another one"
        assert header[8] == header[9] == sha(bytes.fromhex(contents["representatives"]))
        previous = sha(b"\0" + payload)
        entries.append(payload)
        certificate = bytes.fromhex(row["certificate"])
        shape("certificate", certificate)
        height, slot, hashed, bitmap, signatures = exactly(certificate)
        assert [height, slot, hashed] == [header[1], header[2], previous]
        seats = [seat for seat in range(105) if bitmap[seat // 8] & 0x80 >> seat % 8]
        assert len(seats) >= 71 and len(signatures) == 64 * len(seats)
        vote = cbor2.dumps([height, slot, hashed], canonical=True)
        for place, seat in enumerate(seats):
            signature = signatures[64 * place:64 * place + 64]
            if place < 3:
                opened(cbor2.dumps(cbor2.CBORTag(18, [b"\xa1\x01\x27", {}, vote, signature])), keys[seat], "chain-certificate", network)
        records += 2

    assert [sha(b"\0" + entry).hex() for entry in entries] == contents["history"]["leaves"]
    records += check_history(contents["history"], entries)
    state = [(bytes.fromhex(row["key"]), bytes.fromhex(row["value"])) for row in contents["state"]["records"]]
    for key, value in state:
        kind = exactly(key)[0]
        exactly(value)
        rule = {0: "account-record", 2: "token-record", 4: "candidate-record", 8: "publication-record",
                10: "totals-record", 11: "round-record", 12: "representatives", 13: "representatives"}.get(kind)
        if rule:
            shape(rule, value)
        records += 1
    # Nothing is missing and nothing is too much: the root of the last header.
    assert state_root([(sha(key), value) for key, value in state]) == header[6]
    assert header[6].hex() == contents["state"]["root"]
    by_key = dict(state)
    for row in contents["state"]["proofs"]:
        key = bytes.fromhex(row["key"])
        assert state_proof(sha(key), bytes.fromhex(row["proof"]), header[6]) == by_key.get(key)
        records += 1
    print(f"{records} records")


main()
