"""Compares our codecs, both ways, with implementations that nobody here wrote.

Usage: build/witness/bin/python Tests/witness/codecs.py PATH-OF-codec-witness [CASES] [SEED]

cbor2 (CBOR), pycose and cryptography (COSE_Sign1, Ed25519), aiocoap (CoAP messages), sliplib and crcmod (slipmux), bech32m (the
reference implementation of BIP 350). Each group makes CASES random cases; the last line is "N passed, N failed", N in groups.
"""

import io
import math
import random
import re
import struct
import subprocess
import sys

import cbor2
import crcmod.predefined
import sliplib
from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import Type
from bech32m import codecs as bech32m
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pycose.algorithms import EdDSA
from pycose.headers import Algorithm
from pycose.keys import CoseKey, OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import CoseMessage, Sign1Message

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class Ours:
    """The executable codec-witness, asked many questions at once."""

    def __init__(self, path):
        self.path = path

    def ask(self, requests):
        text = "".join(request + "\n" for request in requests)
        done = subprocess.run([self.path], input=text, capture_output=True, text=True, check=True)
        answers = done.stdout.splitlines()
        assert len(answers) == len(requests), f"{len(requests)} requests, {len(answers)} answers"
        return answers


def field(data):
    return bytes(data).hex() or "-"


# CBOR


def head(major, argument):
    """A head in shortest form, made by cbor2 as an unsigned integer and given its major type."""
    encoded = bytearray(cbor2.dumps(argument))
    encoded[0] |= major << 5
    return bytes(encoded)


class Pairs(list):
    """A map as a list of pairs, so that Python's idea of equal keys (1 == True == 1.0) does not matter."""


class Tag:
    """A tagged value."""

    def __init__(self, number, content):
        self.number, self.content = number, content


def encode(value):
    """Deterministic encoding: scalars and strings by cbor2, containers by the rules of RFC 8949 section 4.2.1."""
    if isinstance(value, Pairs):
        pairs = sorted((encode(key), encode(item)) for key, item in value)
        return head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(encode(item) for item in value)
    if isinstance(value, Tag):
        return head(6, value.number) + encode(value.content)
    if isinstance(value, float) and not math.isnan(value):
        # cbor2 5.9 keeps some half-precision numbers (-64544.0) in single precision; struct says what survives which width.
        for initial, form in ((0xF9, ">e"), (0xFA, ">f"), (0xFB, ">d")):
            try:
                packed = struct.pack(form, value)
            except OverflowError:
                continue
            if struct.unpack(form, packed)[0] == value:
                return bytes([initial]) + packed
    return cbor2.dumps(value, canonical=True)


def describe(value):
    """The notation of codec-witness."""
    if isinstance(value, Pairs):
        pairs = sorted(value, key=lambda pair: encode(pair[0]))
        return "{" + ",".join(describe(k) + "=" + describe(v) for k, v in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(describe, value)) + "]"
    if isinstance(value, Tag):
        return f"g:{value.number}({describe(value.content)})"
    if value is False or value is True:
        return "s:21" if value else "s:20"
    if value is None:
        return "s:22"
    if value is cbor2.undefined:
        return "s:23"
    if isinstance(value, cbor2.CBORSimpleValue):
        return f"s:{value.value}"
    if isinstance(value, float):
        bits = 0x7FF8000000000000 if math.isnan(value) else struct.unpack(">Q", struct.pack(">d", value))[0]
        return f"f:{bits}"
    if isinstance(value, int):
        return f"i:{value}"
    if isinstance(value, str):
        return "t:" + value.encode().hex()
    return "b:" + bytes(value).hex()


def random_int(rng):
    bits = rng.choice([4, 5, 6, 8, 9, 16, 17, 32, 33, 63, 64])
    value = rng.getrandbits(bits)
    return value if rng.random() < 0.6 else -1 - value


def random_text(rng):
    ranges = [(0x20, 0x7E), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF)]
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.choice([0, 1, 5, 23, 24, 30])))


def random_float(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return struct.unpack(">e", rng.randbytes(2))[0]
    if kind == 1:
        return struct.unpack(">f", rng.randbytes(4))[0]
    if kind == 2:
        return struct.unpack(">d", rng.randbytes(8))[0]
    return rng.choice([0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 21.25, 1e300, 5.960464477539063e-8])


def random_value(rng, depth=0, floats=True):
    kinds = ["int", "int", "bytes", "text", "simple"] + (["float"] if floats else [])
    if depth < 5:
        kinds += ["array", "map", "map", "tag"]
    kind = rng.choice(kinds)
    if kind == "int":
        return random_int(rng)
    if kind == "bytes":
        return rng.randbytes(rng.choice([0, 1, 8, 23, 24, 32, 64, 255, 256, 300]))
    if kind == "text":
        return random_text(rng)
    if kind == "simple":
        simple = [False, True, None, cbor2.undefined, cbor2.CBORSimpleValue(rng.choice([0, 19, 32, 255]))]
        return rng.choice(simple)
    if kind == "float":
        return random_float(rng)
    count = rng.choice([0, 1, 2, 3, 5, 24])
    if kind == "array":
        return [random_value(rng, depth + 1, floats) for _ in range(count if depth < 3 else count % 3)]
    if kind == "map":
        keys = {}
        for _ in range(count if depth < 3 else count % 3):
            key = random_value(rng, 9 if rng.random() < 0.9 else depth + 1, floats=False)
            keys[encode(key)] = key
        return Pairs((key, random_value(rng, depth + 1, floats)) for key in keys.values())
    return Tag(rng.choice([24, 61, 1000, 65000, 70000, 2**40]), random_value(rng, depth + 1, floats))


def plain(value):
    """What cbor2 makes of our encoding, in the types above; nothing if Python cannot tell (keys that are equal to it)."""
    if isinstance(value, cbor2.CBORTag):
        return Tag(value.tag, plain(value.value))
    if isinstance(value, (list, tuple)) and not isinstance(value, cbor2.CBORSimpleValue):
        return [plain(item) for item in value]
    if hasattr(value, "items"):
        return Pairs((plain(key), plain(item)) for key, item in value.items())
    return value


def has_odd_keys(value):
    """True if a map in it has keys that Python or cbor2 cannot keep apart: floats, simple values, containers, tags."""
    if isinstance(value, Pairs):
        return any(not isinstance(k, (int, str, bytes)) or isinstance(k, bool) or has_odd_keys(v) for k, v in value)
    if isinstance(value, list):
        return any(map(has_odd_keys, value))
    if isinstance(value, Tag):
        return value.number in (24, 61) or has_odd_keys(value.content)
    return False


def check_cbor(ours, rng, cases):
    values = [random_value(rng) for _ in range(cases)]
    encoded = [encode(value) for value in values]
    read = ours.ask(f"cbor-read {data.hex()}" for data in encoded)
    for value, data, answer in zip(values, encoded, read):
        yield answer == "ok " + describe(value), f"{data.hex()}: we read {answer}, it is {describe(value)}"
    written = ours.ask(f"cbor-write {data.hex()}" for data in encoded)
    decoded = 0
    for value, data, answer in zip(values, encoded, written):
        yield answer == "ok " + data.hex(), f"{data.hex()}: we wrote {answer}"
        if answer.startswith("ok ") and not has_odd_keys(value):
            decoded += 1
            again = describe(plain(cbor2.loads(bytes.fromhex(answer[3:]))))
            yield again == describe(value), f"{data.hex()}: cbor2 reads {again}, it is {describe(value)}"
    yield decoded > cases // 3, f"cbor2 decoded only {decoded} of {cases}"


KNOWN_TAG = re.compile(r"g:([0-5]|2[589]|3[0567]|100|25[68]|26[01]|1004|43000|55799)\(")


def nesting(value):
    if isinstance(value, Pairs):
        return 1 + max([max(nesting(k), nesting(v)) for k, v in value], default=0)
    if isinstance(value, list):
        return 1 + max(map(nesting, value), default=0)
    if isinstance(value, Tag):
        return 1 + nesting(value.content)
    return 0


def has_float(value):
    if isinstance(value, Pairs):
        return any(has_float(k) or has_float(v) for k, v in value)
    if isinstance(value, list):
        return any(map(has_float, value))
    return has_float(value.content) if isinstance(value, Tag) else isinstance(value, float)


def check_cbor_refusals(ours, rng, cases):
    """Mutated encodings: we accept exactly what cbor2 decodes and our rules encode to the same bytes again."""
    inputs = []
    while len(inputs) < cases:
        value = random_value(rng, depth=2, floats=False)
        data = bytearray(encode(value))
        for _ in range(rng.randint(1, 3)):
            index = rng.randrange(len(data)) if data else 0
            kind = rng.randrange(4)
            if kind == 0 and data:
                data[index] ^= 1 << rng.randrange(8)
            elif kind == 1 and data:
                data[index] = rng.randrange(256)
            elif kind == 2 and data:
                del data[index]
            else:
                data.insert(index, rng.randrange(256))
        inputs.append(bytes(data[:200]))
    answers = ours.ask(f"cbor-accept {field(data)}" for data in inputs)
    readings = ours.ask(f"cbor-read {field(data)}" for data in inputs)
    accepted = unsure = 0
    for data, answer, reading in zip(inputs, answers, readings):
        weAccept = answer.startswith("ok")
        accepted += weAccept
        stream = io.BytesIO(data)
        try:
            value = plain(cbor2.CBORDecoder(stream).decode())
            whole = stream.tell() == len(data)
            theyAccept = whole and encode(value) == data and not has_float(value) and nesting(value) <= 8
            unclear = has_odd_keys(value)
        except Exception as error:
            theyAccept = False
            # cbor2 looks into the content of tags that it knows, and cannot have some values as keys.
            unclear = weAccept
        # Tags that cbor2 turns into values of its own (dates, big numbers, shared values…) do not come back as tags.
        unclear = unclear or weAccept and KNOWN_TAG.search(reading)
        if unclear and weAccept != theyAccept:
            unsure += 1
            continue
        yield weAccept == theyAccept, f"{data.hex()}: we say {answer}, cbor2 says {theyAccept}"
    yield cases // 50 < accepted, f"only {accepted} of {cases} mutations were accepted: the comparison is one-sided"
    yield unsure < cases // 20, f"{unsure} of {cases} could not be compared"


# COSE

TYPES = ["bind", "command", "state", "receipt", "grant", "a", "12345678901234567890123"]


def check_cose(ours, rng, cases):
    jobs = []
    for _ in range(max(cases // 10, 20)):
        key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        payload = rng.randbytes(rng.choice([1, 5, 23, 24, 100, 255, 256, 400, 1000]))
        jobs.append((key, payload, rng.getrandbits(rng.choice([3, 8, 16, 32, 64])), rng.choice(TYPES)))
    signed = ours.ask(f"cose-signed {network} {kind} {payload.hex()}" for _, payload, network, kind in jobs)
    signatures = [key.sign(bytes.fromhex(answer[3:])) for (key, *_), answer in zip(jobs, signed)]
    written = ours.ask(f"cose-write {p.hex()} {s.hex()}" for (_, p, _, _), s in zip(jobs, signatures))
    theirs = []
    for (key, payload, network, kind), answer in zip(jobs, written):
        public = key.public_key().public_bytes(*RAW)
        aad = encode(["lightnode", 2, network, kind])
        # Ours, verified by pycose.
        message = CoseMessage.decode(bytes.fromhex(answer[3:]))
        message.key = OKPKey(crv=Ed25519, x=public)
        message.external_aad = aad
        right = type(message) is Sign1Message and message.payload == payload and message.uhdr == {}
        yield right and message.verify_signature(), f"pycose does not verify our {answer}"
        message.external_aad = encode(["lightnode", 2, network + 1, kind])
        yield not message.verify_signature(), f"pycose verifies {answer} in another network"
        # Made by pycose, taken apart by us.
        message = Sign1Message(phdr={Algorithm: EdDSA}, payload=payload, external_aad=aad)
        message.key = OKPKey(crv=Ed25519, d=key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                                                              serialization.NoEncryption()), x=public)
        data = message.encode()
        theirs.append((data, payload, message.signature if hasattr(message, "signature") else data[-64:], key))
        yield data.hex() == answer[3:], f"pycose makes {data.hex()}, we make {answer}"
    read = ours.ask(f"cose-read {data.hex()}" for data, *_ in theirs)
    for (data, payload, _, key), answer in zip(theirs, read):
        yield answer == f"ok {payload.hex()} {data[-64:].hex()}", f"{data.hex()}: we read {answer}"

    keys = [key.public_key().public_bytes(*RAW) for key, *_ in jobs]
    written = ours.ask(f"key-write {x.hex()}" for x in keys)
    encoded = [encode(Pairs(cbor2.loads(OKPKey(crv=Ed25519, x=x).encode()).items())) for x in keys]
    read = ours.ask(f"key-read {data.hex()}" for data in encoded)
    for x, data, ourData, ourKey in zip(keys, encoded, written, read):
        decoded = CoseKey.decode(bytes.fromhex(ourData[3:]))
        yield isinstance(decoded, OKPKey) and decoded.x == x and decoded.crv is Ed25519, f"pycose reads {ourData} as {decoded}"
        yield ourKey == "ok " + x.hex(), f"{data.hex()}: we read {ourKey}"


# CoAP


def random_options(rng):
    numbers = [1, 3, 4, 5, 6, 7, 8, 11, 11, 12, 14, 15, 15, 17, 20, 23, 27, 28, 35, 60, 258, 292, 2049, 65001, 65535]
    options = []
    for number in sorted(rng.choices(numbers, k=rng.choice([0, 1, 3, 6]))):
        options.append((number, rng.randbytes(rng.choice([0, 1, 2, 3, 4, 12, 13, 14, 20, 268, 269, 300]))))
    return options


def option_list(options):
    return ",".join(f"{number}:{field(value)}" for number, value in options) or "-"


def check_coap(ours, rng, cases):
    """aiocoap rewrites the values of options that it knows (integers in shortest form, text), so it decodes; we compare what it decoded."""
    jobs = []
    for _ in range(cases):
        code = rng.choice([1, 2, 3, 4, 65, 68, 69, 95, 128, 132, 133, 141, 160, 163])
        kind = rng.choice([0, 1]) if code < 32 else rng.choice([0, 1, 2])
        jobs.append((kind, code, rng.getrandbits(16), rng.randbytes(rng.randrange(9)), random_options(rng),
                     rng.randbytes(rng.choice([0, 0, 1, 50, 500]))))
    written = ours.ask(f"coap-write {k} {c} {i} {field(t)} {option_list(o)} {field(p)}" for k, c, i, t, o, p in jobs)
    compared = 0
    for (kind, code, mid, token, options, payload), answer in zip(jobs, written):
        yield answer.startswith("ok "), f"we cannot write {kind} {code} {options}: {answer}"
        try:
            message = Message.decode(bytes.fromhex(answer[3:]))
        except UnicodeDecodeError:
            continue  # random bytes in a text option
        compared += 1
        right = (message.mtype, message.code, message.mid, message.token) == (Type(kind), Code(code), mid, token)
        yield right and message.payload == payload, f"aiocoap reads {message} of {answer}"
        numbers = sorted(int(option.number) for option in message.opt.option_list())
        yield numbers == [number for number, _ in options], f"aiocoap reads options {numbers} of {options}"
        for option in message.opt.option_list():
            values = [value for number, value in options if number == int(option.number)]
            trimmed = [value.lstrip(b"\0") for value in values]
            yield option.encode() in values or option.encode() in trimmed, f"aiocoap reads {option} of {values}"
    yield compared > cases // 3, f"aiocoap decoded only {compared} of {cases}"

    messages = []
    for _ in range(cases):
        message = Message(code=Code(rng.choice([1, 2, 69, 132])), payload=rng.randbytes(rng.choice([0, 1, 300])))
        message.mtype, message.mid, message.token = Type(rng.choice([0, 1])), rng.getrandbits(16), rng.randbytes(rng.randrange(9))
        message.opt.uri_path = [random_text(rng)[:40] for _ in range(rng.randrange(4))]
        message.opt.uri_query = [f"from={rng.getrandbits(20)}"] * rng.randrange(2)
        if rng.random() < 0.5:
            message.opt.content_format = rng.choice([0, 18, 40, 60, 63, 257])
        if rng.random() < 0.3:
            message.opt.observe = rng.choice([0, 1, 255, 256, 0xFFFFFF])
        if rng.random() < 0.3:
            message.opt.accept = 60
        if rng.random() < 0.3:
            message.opt.block2 = (rng.getrandbits(20), rng.random() < 0.5, rng.randrange(7))
        if rng.random() < 0.3:
            message.opt.size2 = rng.getrandbits(20)
        messages.append((message, message.encode()))
    read = ours.ask(f"coap-read {data.hex()}" for _, data in messages)
    for (message, data), answer in zip(messages, read):
        options = sorted(((int(o.number), o.encode()) for o in message.opt.option_list()), key=lambda pair: pair[0])
        expected = f"ok {message.mtype.value} {int(message.code)} {message.mid} {field(message.token)} "
        expected += f"{option_list(options)} {field(message.payload)}"
        yield answer == expected, f"{data.hex()}: we read {answer}, it is {expected}"


# Slipmux


def check_slipmux(ours, rng, cases):
    """draft-bormann-t2trg-slipmux: sliplib for the framing, crcmod's x-25 for the FCS of RFC 1662, low byte first."""
    fcs = crcmod.predefined.mkCrcFun("x-25")
    alphabet = bytes(range(256)) + b"\xc0\xdb\xdc\xdd" * 64
    messages = [bytes(rng.choices(alphabet, k=rng.choice([0, 1, 4, 60, 200, 511, 512]))) for _ in range(cases)]

    def frame(content):
        return b"\xc0" + sliplib.encode(content) + b"\xc0"

    def framed(message):
        return frame(b"\xa9" + message + fcs(b"\xa9" + message).to_bytes(2, "little"))

    for message, answer in zip(messages, ours.ask(f"slip-write {field(m)}" for m in messages)):
        driver = sliplib.Driver()
        driver.receive(bytes.fromhex(answer[3:]) + b"\xc0")
        packet = driver.get(block=False)
        right = packet and packet[:1] == b"\xa9" and packet[1:-2] == message
        yield right and fcs(packet[:-2]).to_bytes(2, "little") == packet[-2:], f"{message.hex()}: sliplib reads {packet} of {answer}"
    for message, answer in zip(messages, ours.ask(f"slip-read {framed(m).hex()}" for m in messages)):
        yield answer == "ok c:" + field(message), f"{message.hex()}: we read {answer}"
    # Streams: texts between messages, and some messages damaged.
    streams = []
    for _ in range(cases // 20):
        wire, expected = b"", []
        for message in rng.sample(messages, 5):
            kind = rng.randrange(4)
            if kind == 0:
                text = random_text(rng).encode()
                wire += frame(b"\x0a" + text)
                expected.append("d:" + field(text))
            elif kind == 1 and message:
                damaged = bytearray(b"\xa9" + message + fcs(b"\xa9" + message).to_bytes(2, "little"))
                damaged[rng.randrange(1, len(damaged))] ^= 1 << rng.randrange(8)
                wire += frame(bytes(damaged))
            else:
                wire += framed(message)
                expected.append("c:" + field(message))
        streams.append((wire, ",".join(expected) or "-"))
    for (wire, expected), answer in zip(streams, ours.ask(f"slip-read {wire.hex()}" for wire, _ in streams)):
        yield answer == "ok " + expected, f"{wire.hex()}: we read {answer}, it is {expected}"


# Bech32m


def check_bech32m(ours, rng, cases):
    jobs = [(rng.choice(["node", "claim"]), rng.randbytes(rng.choice([0, 1, 2, 3, 4, 20, 32, 40]))) for _ in range(cases)]
    texts = [bech32m.bech32_encode(p, bytes(bech32m.convertbits(d, 8, 5)), bech32m.Encoding.BECH32M) for p, d in jobs]
    for (prefix, data), text, answer in zip(jobs, texts, ours.ask(f"bech32-write {p} {field(d)}" for p, d in jobs)):
        yield answer == "ok " + text, f"{prefix} {data.hex()}: we write {answer}, it is {text}"
    for (prefix, data), text, answer in zip(jobs, texts, ours.ask(f"bech32-read {p} {t}" for (p, _), t in zip(jobs, texts))):
        yield answer == "ok " + field(data), f"{text}: we read {answer}, it is {data.hex()}"
    wrong = []
    for (prefix, _), text in zip(jobs, texts):
        changed = list(text.upper() if rng.random() < 0.3 else text)
        for _ in range(rng.randint(1, 6)):
            changed[rng.randrange(len(changed))] = rng.choice("qpzry9x8gf2tvdw0s3jn54khce6mua7l1bioQPZRY9")
        wrong.append((prefix, "".join(changed)))
    for (prefix, text), answer in zip(wrong, ours.ask(f"bech32-read {p} {t}" for p, t in wrong)):
        try:
            found, values, encoding = bech32m.bech32_decode(text)
            data = bech32m.convertbits(values, 5, 8, False)
            right = found == prefix and encoding == bech32m.Encoding.BECH32M
        except Exception:
            right = False
        expected = "ok " + field(data) if right else "error"
        yield answer.startswith(expected), f"{text}: we read {answer}, it is {expected}"


GROUPS = {
    "CBOR against cbor2": check_cbor,
    "CBOR refusals against cbor2": check_cbor_refusals,
    "COSE against pycose and cryptography": check_cose,
    "CoAP against aiocoap": check_coap,
    "slipmux against sliplib and crcmod": check_slipmux,
    "bech32m against the reference implementation": check_bech32m,
}


class Witness(Ours):
    def ask(self, requests):
        return super().ask(list(requests))


def main():
    ours = Witness(sys.argv[1])
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    passed = failed = 0
    for name, check in GROUPS.items():
        rng = random.Random(f"{name} {seed}")
        outcomes = list(check(ours, rng, cases))
        bad = [message for right, message in outcomes if not right]
        for message in bad[:5]:
            print(f"  {message}")
        print(f"{name}: {len(outcomes) - len(bad)} of {len(outcomes)} comparisons agree")
        passed, failed = (passed, failed + 1) if bad else (passed + 1, failed)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
