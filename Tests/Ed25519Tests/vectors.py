#!/usr/bin/env python3
"""Vectors of our own. `vectors.py json FILE` generates the edge cases that the project carries, judged by model.py alone;
`vectors.py target FILE JSON…` turns vector files (ours, Wycheproof, CCTV, speccheck) into the records that the on-target image reads;
`vectors.py field FILE` computes with Python's integers what the field's kernels must yield at the edges of their operands."""
import json
import sys

from model import B, L, P, add, decode, encode, expand, low_order_points, multiple, number, public_key, sha512, sign, verify

STRICT = {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"}


def little(n):
    return n.to_bytes(32, "little")


def own():
    """Each case: what it is, key, signature, message, whether it must be accepted; `seed` where it is also what signing must yield."""
    cases = []

    def case(what, key, signature, message, expected=None):
        valid = verify(signature, key, message)
        assert expected is None or valid == expected, what
        cases.append({"what": what, "key": key.hex(), "signature": signature.hex(), "message": message.hex(), "valid": valid})

    seed = sha512(b"seed")[:32]
    a, _ = expand(seed)
    key, message = public_key(seed), b"obey one key"
    good = sign(seed, message)
    r, s = good[:32], number(good[32:])
    for n, length in enumerate([0, 1, 31, 32, 47, 48, 63, 64, 111, 112, 127, 128, 129, 255, 256, 1023]):
        seed_n = sha512(b"seed %d" % n)[:32]
        text = (sha512(b"text %d" % n) * 16)[:length]
        case(f"a message of {length} bytes", public_key(seed_n), sign(seed_n, text), text, True)
        cases[-1]["seed"] = seed_n.hex()
    for seed_n in [bytes(32), b"\xff" * 32]:
        case("a constant seed", public_key(seed_n), sign(seed_n, message), message, True)
        cases[-1]["seed"] = seed_n.hex()

    for k in range(1, 16):
        if s + k * L < 2**256:
            case(f"S + {k} L", key, r + little(s + k * L), message, False)
    for bit in (252, 253, 254, 255):
        case(f"S with bit {bit} set", key, r + little(s | 1 << bit), message, False)
    for value, what in [(L, "L"), (L - 1, "L - 1"), (L + 1, "L + 1"), (0, "0"), (2**253, "2^253"), (2**256 - 1, "2^256 - 1")]:
        case(f"S = {what}", key, r + little(value), message, False)

    # Every encoding of a low-order point, canonical or not, as A and as R; S and k such that the equation itself holds where it can.
    encodings = {encode(p) for p in low_order_points()}
    for y in {p[1] for p in low_order_points()}:
        for value in (y, y + P):
            if value < 2**255:
                encodings |= {little(value), little(value | 1 << 255)}
    for data in sorted(encodings):
        point_y = number(data) & (2**255 - 1)
        for n in range(40):
            text = b"low order %d" % n
            # A of low order, R = S B: valid for a verifier that ignores A when k A = 0.
            point = encode(multiple(s, B))
            k = number(sha512(point, data, text)) % L
            if k % 8 == 0:
                break
        case("A of low order " + data.hex(), data, point + little(s), text, False)
        # R of low order, S = k a: valid without a check of R.
        k = number(sha512(data, key, message)) % L
        case("R of low order " + data.hex(), key, data + little(k * a % L), message, False)
        case("A and R of low order " + data.hex(), data, data + little(0), message, False)

    # Non-canonical encodings of points of large order: y + p for the few y < 19.
    for y in range(19):
        for top in (0, 1):
            data = little(y | top << 255)
            point = decode(data)
            if point is None or multiple(8, point) == (0, 1):
                continue
            spoilt = little(y + P | top << 255)
            case(f"A = y + p, y = {y}, sign {top}", spoilt, good, message, False)
            case(f"R = y + p, y = {y}, sign {top}", key, spoilt + good[32:], message, False)
    for y in range(2, 40):
        data = little(y)
        if decode(data) is None:
            case(f"A is no point: y = {y}", data, good, message, False)
            case(f"R is no point: y = {y}", key, data + good[32:], message, False)

    # A and R of mixed order, each with every low-order part: valid exactly where R = S B - k A holds without the cofactor.
    low = low_order_points()
    accepted = 0
    for i in range(8):
        for j in range(8):
            mixed_key = encode(add(multiple(a, B), low[i]))
            for n in range(3):
                text = b"mixed %d %d %d" % (i, j, n)
                nonce = number(sha512(b"nonce", text)) % L
                point = encode(add(multiple(nonce, B), low[j]))
                k = number(sha512(point, mixed_key, text)) % L
                case(f"mixed order: A + T{i}, R + T{j}", mixed_key, point + little((nonce + k * a) % L), text)
                accepted += cases[-1]["valid"]
    assert accepted > 8

    # Particular R and S.
    for nonce, what in [(1, "R = B"), (L - 1, "R = -B"), (2, "R = 2B"), (L - 2, "R = -2B"), (a, "R = A"), (L - a, "R = -A")]:
        point = encode(multiple(nonce % L, B))
        k = number(sha512(point, key, message)) % L
        case(what, key, point + little((nonce + k * a) % L), message, True)
        case(what + ", S off by one", key, point + little((nonce + k * a + 1) % L), message, False)
    for want, what in [(0, "S = 0"), (1, "S = 1"), (L - 1, "S = L - 1"), (2**252, "S = 2^252"), (2**252 - 1, "S = 2^252 - 1")]:
        case(what, key, r + little(want), message, False)
    # Keys of a particular scalar.
    for scalar, what in [(1, "A = B"), (L - 1, "A = -B"), (2, "A = 2B"), (L - 2, "A = -2B")]:
        own_key = encode(multiple(scalar, B))
        for n in range(4):
            text = b"particular %d" % n
            nonce = number(sha512(b"nonce", text)) % L
            point = encode(multiple(nonce, B))
            k = number(sha512(point, own_key, text)) % L
            case(what, own_key, point + little((nonce + k * scalar) % L), text, True)
    # One bit changed anywhere.
    for bit in range(0, 512, 7):
        n = number(good) ^ 1 << bit
        case(f"bit {bit} of the signature changed", key, n.to_bytes(64, "little"), message, False)
    for bit in range(0, 256, 7):
        case(f"bit {bit} of the key changed", little(number(key) ^ 1 << bit), good, message, False)
    return cases


def records(path):
    """(kind, key or seed, signature, message) of each case of a file in any of the four forms."""
    data = json.load(open(path))
    if isinstance(data, dict):
        for group in data["testGroups"]:
            key = bytes.fromhex(group["publicKey"]["pk"])
            for test in group["tests"]:
                yield test["result"] == "valid", key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
    elif "what" in data[0]:
        for case in data:
            fields = bytes.fromhex(case["signature"]), bytes.fromhex(case["message"])
            yield case["valid"], bytes.fromhex(case["key"]), *fields
            if "seed" in case:
                yield 2, bytes.fromhex(case["seed"]), *fields
    elif "flags" in data[0]:
        for case in data:
            valid = not STRICT & set(case["flags"] or [])
            yield valid, bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["msg"].encode()
    else:
        for case in data:
            parts = [bytes.fromhex(case[name]) for name in ("pub_key", "signature", "message")]
            yield verify(parts[1], parts[0], parts[2]), *parts


def target(path, sources):
    with open(path, "wb") as out:
        for source in sources:
            for kind, key, signature, message in records(source):
                if len(signature) == 64 and len(key) == 32 and len(message) <= 1900:
                    out.write(bytes([kind]) + len(message).to_bytes(2, "little") + key + signature + message)


def field(path):
    """Products, squares, sums and differences of operands with every kind of carry, apart from them and in place of either."""
    edges = [0, 1, 2, 18, 19, 20, 37, 38, 39, P - 2, P - 1, P, P + 1, 2 * P - 1, 2 * P, 2 * P + 1, 2**255 - 20, 2**255 - 1, 2**255, 2**256 - 39,
             2**256 - 38, 2**256 - 37, 2**256 - 2, 2**256 - 1]
    for limb in range(8):
        ones = 0xFFFFFFFF << 32 * limb
        edges += [ones, 2**256 - 1 - ones, 0x80000000 << 32 * limb, 0x0000FFFF << 32 * limb, 0xFFFF0000 << 32 * limb]
    edges += [sum(0xFFFFFFFF << 64 * i for i in range(4)), sum(0xFFFF << 32 * i for i in range(8)), sum(0x80000000 << 32 * i for i in range(8))]
    edges += [int.from_bytes(sha512(b"field operand", bytes([n]))[:32], "little") for n in range(12)]
    operations = [lambda a, b: a * b, lambda a, b: a * a, lambda a, b: a + b, lambda a, b: a - b]
    with open(path, "wb") as out:
        for i, a in enumerate(edges):
            for j, b in enumerate(edges):
                for number, operation in enumerate(operations):
                    place = (i + j + number) % (2 if number == 1 else 3)
                    out.write(bytes([number, place, 0, 0]) + little(a) + little(b) + little(operation(a, b) % P))


if sys.argv[1] == "json":
    with open(sys.argv[2], "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in own()) + "\n]\n")
elif sys.argv[1] == "field":
    field(sys.argv[2])
else:
    target(sys.argv[2], sys.argv[3:])
