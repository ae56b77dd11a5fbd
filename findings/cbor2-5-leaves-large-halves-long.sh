#!/usr/bin/env bash
# Deterministic CBOR writes a floating-point value in the shortest form that keeps it (RFC 8949, 4.2.1): 32,768.0 and 65,504.0 are halves,
# f97800 and f97bff. cbor2 5 with canonical=True shortens almost all halves (subnormal ones too), but not those of the largest binade: all
# 2,048 finite halves of 32,768 and more, either sign, come as singles of five bytes. Tests of small numbers, of infinity and NaN agree.
# A node that writes or insists on the shortest form then differs from its host in bytes, therefore in hashes and signatures, at readings
# that are rare: a counter that reached 32,768.0, a lux value. cbor2 6 is right.
# Versions: cbor2 5.9.0 and 6.3.0 (PyPI), Python 3.11. All 63,490 halves that are no NaN.
# Seen: 5.9.0: 2048 too long, from 32768.0 (fa47000000) to 65504.0 (fa477fe000); 6.3.0: 0 too long.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/halves.py" <<'PYTHON'
import importlib.metadata
import math
import struct

import cbor2

halves = [value for bits in range(0x10000) if not math.isnan(value := struct.unpack(">e", bits.to_bytes(2, "big"))[0])]
long = [value for value in halves if cbor2.dumps(value, canonical=True) != b"\xf9" + struct.pack(">e", value)]
version = importlib.metadata.version("cbor2")
print(f"{version}: {len(long)} of {len(halves)} halves too long", end="")
if long:
    print(f", magnitudes {min(map(abs, long))} to {max(long)} ({cbor2.dumps(max(long), canonical=True).hex()})", end="")
print()
expected = [value for value in halves if 32768 <= abs(value) < math.inf] if version == "5.9.0" else []
assert long == expected and len(expected) in (0, 2048)
PYTHON
for version in 5.9.0 6.3.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" -q install "cbor2==$version" 2>/dev/null
    "$folder/$version/bin/python" "$folder/halves.py"
done
