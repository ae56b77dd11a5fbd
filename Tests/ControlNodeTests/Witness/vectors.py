"""Writes the vectors of ControlNodeTests with code that shares nothing with ours: pycose, cbor2, and bech32m after BIP 350.

Run: python3 vectors.py > ../Vectors/messages.json
"""
import hashlib
import json

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pycose.algorithms import EdDSA
from pycose.headers import Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

NODE = -65537
NETWORK = 7


def bech32m(prefix, data):
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    generator = [0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]

    def polymod(values):
        check = 1
        for value in values:
            top = check >> 25
            check = (check & 0x1FFFFFF) << 5 ^ value
            for bit in range(5):
                check ^= generator[bit] if top >> bit & 1 else 0
        return check

    number = int.from_bytes(data, "big")
    bits = len(data) * 8
    padding = -bits % 5
    number <<= padding
    values = [number >> shift & 31 for shift in range(bits + padding - 5, -1, -5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + values + [0] * 6) ^ 0x2BC830A3
    return prefix + "1" + "".join(alphabet[v] for v in values + [check >> 5 * (5 - i) & 31 for i in range(6)])


class Key:
    def __init__(self, seed):
        self.seed = seed
        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, kind, claims, network=NETWORK):
        message = Sign1Message(
            phdr={Algorithm: EdDSA},
            payload=cbor2.dumps(claims, canonical=True),
            external_aad=cbor2.dumps(["lightnode", 2, network, kind], canonical=True),
        )
        message.key = OKPKey(crv=Ed25519, x=self.public, d=self.seed)
        return message.encode()


def name(message, kind, signer, network=NETWORK):
    """The hash that nodes and receipts name a message by: that of its Ed25519 signature, SHA-512(R, A, Sig_structure), cut to 32 bytes."""
    protected, _, payload, signature = cbor2.loads(message).value
    aad = cbor2.dumps(["lightnode", 2, network, kind], canonical=True)
    signed = cbor2.dumps(["Signature1", protected, aad, payload], canonical=True)
    return hashlib.sha512(signature[:32] + signer.public + signed).digest()[:32]


identity, claim, owner = (Key(bytes([n]) * 32) for n in (1, 2, 3))
address = bech32m("node", hashlib.sha512(identity.public).digest()[:20])


def digest(owner, recovery=None, flags=0, backups=()):
    """What consents and receipts name all who can act on a node by."""
    return hashlib.sha512(cbor2.dumps([owner, recovery, flags, list(backups)], canonical=True)).digest()[:32]


def entry(seq, signer_kind, message, device, method, argument, outcome, kind, value, index):
    return (
        seq.to_bytes(7, "little") + bytes([signer_kind]) + message[:8]
        + bytes([device, method]) + argument.to_bytes(2, "little", signed=True) + bytes([outcome, kind])
        + (value & 0xFFFFFFFF).to_bytes(4, "little") + index.to_bytes(4, "little")
    )


def receipt(message, seq, epoch, subject, chain, line, outcome, value=None, message_size=32, key=identity, issuer=address,
            expected=None, authorities=None):
    node = {0: epoch, 1: seq, 2: subject, 5: int.from_bytes(line[26:30], "little"), 6: chain,
            7: message[:message_size], 8: outcome, 21: line}
    if value is not None:
        node[9] = value
    if expected:
        node[25] = expected
    if authorities:
        node[36] = authorities
    return key.sign("receipt", {1: issuer, NODE: node})


def advance(chain, line):
    return hashlib.sha512(chain + line).digest()[:32]


def cnf(key):
    return {1: {1: 1, -1: 6, -2: key.public}}


recovery, buyer = Key(bytes([4]) * 32), Key(bytes([5]) * 32)
bound = digest(owner.public, recovery.public)
bind = claim.sign("bind", {3: address, 8: cnf(owner), NODE: {
    0: 0, 1: 1_700_000_000_000_000, 11: recovery.public,
    4: owner.sign("accept", {3: address, 8: cnf(owner), NODE: {0: 0, 34: 2, 35: claim.public, 36: bound}})}})
command = owner.sign("command", {3: address, NODE: {0: 1, 1: 1_700_000_000_000_001, 2: ["led", "on"]}})
full = owner.sign("state", {3: address, 4: 1_800_000_000, 6: 1_799_999_970, NODE: {
    0: 1, 1: 1_700_000_000_000_002, 2: ["dimmer", "set", 50, -129, True, "Grüße"], 3: bytes(range(12))}})
accept = buyer.sign("accept", {3: address, 8: cnf(buyer), NODE: {0: 1, 34: 4, 35: owner.public, 36: digest(buyer.public)}})
transfer = owner.sign("transfer", {3: address, 8: cnf(buyer), NODE: {
    0: 1, 1: 1_700_000_000_000_003, 4: accept,
    37: recovery.sign("consent", {3: address, NODE: {0: 1, 34: 4, 36: digest(buyer.public)}})}})

names = name(bind, "bind", claim), name(command, "command", owner), name(full, "state", owner)
lines = [
    entry(1_700_000_000_000_000, 0x12, names[0], 255, 255, -32768, 0, 3, int.from_bytes(bound[:4], "little"), 0),
    entry(1_700_000_000_000_001, 0x00, names[1], 0, 0, -32768, 0, 1, 1, 1),
    entry(1_700_000_000_000_002, 0x01, names[2], 1, 2, -32767, 5, 2, -129, 2),
]
chains = [bytes(32)]
for line in lines:
    chains.append(advance(chains[-1], line))
nonce = bytes(range(16))
print(json.dumps({
    "network": NETWORK,
    "identity": identity.public.hex(), "claimSeed": claim.seed.hex(), "ownerSeed": owner.seed.hex(),
    "address": address,
    "label": ("LN1:" + address + ":" + bech32m("claim", claim.seed)).upper(),
    "recoverySeed": recovery.seed.hex(), "buyerSeed": buyer.seed.hex(),
    "transfer": transfer.hex(), "acceptance": accept.hex(),
    "bind": bind.hex(), "command": command.hex(), "state": full.hex(),
    "hashes": [named.hex() for named in names],
    "receipts": [
        receipt(names[0], 1_700_000_000_000_000, 0, ["bind"], chains[0], lines[0], 0, authorities=bound).hex(),
        receipt(names[1], 1_700_000_000_000_001, 1, ["led", "on"], chains[1], lines[1], 0, True).hex(),
        receipt(names[2], 1_700_000_000_000_002, 1, ["dimmer", "set"], chains[2], lines[2], 5, -129, message_size=8, expected=[0, 0, 40]).hex(),
    ],
    "chainAfter": chains[3].hex(),
    "contradicting": receipt(names[1], 1_700_000_000_000_001, 1, ["led", "on"], chains[1], lines[1], 7).hex(),
    "otherIssuer": receipt(names[1], 1_700_000_000_000_001, 1, ["led", "on"], chains[1], lines[1], 0, issuer="node1x").hex(),
    "stranger": receipt(names[1], 1_700_000_000_000_001, 1, ["led", "on"], chains[1], lines[1], 0, key=owner).hex(),
    "nonce": nonce.hex(),
    "attestation": identity.sign("attest", {1: address, NODE: {
        0: 1, 10: nonce, 22: "microbit", 23: "0.1.0", 24: False, 30: 1_800_000_000, 31: claim.public, 32: True,
        38: [owner.public, recovery.public, 1, [[buyer.public, 86_400]]], 40: [3, chains[3]], 41: 1_700_000_000_000_002,
        42: 1, 43: bytes(range(24))}}).hex(),
    "attestedDigest": digest(owner.public, recovery.public, 1, [[buyer.public, 86_400]]).hex(),
    "otherAuthorities": receipt(names[0], 1_700_000_000_000_000, 0, ["bind"], chains[0], lines[0], 0,
                                authorities=digest(buyer.public)).hex(),
    "refusal": identity.sign("refusal", {1: address, NODE: {
        0: 1, 1: 1_700_000_000_000_001, 7: names[1], 39: 8}}).hex(),
    "problem": cbor2.dumps({-1: "replayed", -2: "seen before", "tag:lightnode,2026:refusal": {0: 5}}, canonical=True).hex(),
    "status": cbor2.dumps({0: 2, 1: address, 2: "microbit", 3: "0.1.0", 4: 1, 5: 1_700_000_000_000_001, 6: 1234, 7: 900,
                           8: 4096, 9: 2, 10: 0, 11: NETWORK, 12: [], 13: False, 14: b"\x01\x02", 15: False,
                           16: identity.public}, canonical=True).hex(),
    "strangeStatus": cbor2.dumps({0: 2, 1: address, 2: "microbit", 3: "0.1.0", 16: owner.public}, canonical=True).hex(),
    "devices": cbor2.dumps([["led", "on;off|led:bool|", True, False],
                            ["lock", "open(for:ms 100..60000=5000);close;level:%|lock:bool|opened;closed", None, True]], canonical=True).hex(),
}, indent=1, sort_keys=True))
