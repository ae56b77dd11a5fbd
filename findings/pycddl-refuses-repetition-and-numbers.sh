#!/usr/bin/env bash
# CDDL's occurrences (RFC 8610, 3.2) work inside an array: [uint, * tstr] is a number and any texts behind it, [* (uint, tstr)] are pairs, and
# the prelude's `number` is `int / float`. pycddl, which is the Rust crate `cddl` for Python, parses such schemas, answers right for maps and
# for arrays of one kind, and then refuses valid arrays whose entries differ: with "expected type tstr, got Integer" for the number in
# front. `number` takes integers only, though `int / float` in its place is right; SenML's and other schemas use it.
# A message that pycddl refuses need not be wrong: ask zcbor too, or write the array as a choice (/) of arrays of fixed length.
# Versions: pycddl 0.6.4, zcbor 0.9.1 with cbor2 5.9.0 (PyPI), Python 3.11. zcbor takes all eight.
# Seen: pycddl takes 3 of 8: it refuses 1.5 as number, and [1, "a", "b"], [1, "a"], ["a"] and [1, "a", 2, "b"] where an entry or a group
# may be absent or repeat.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install pycddl==0.6.4 zcbor==0.9.1 cbor2==5.9.0 2>/dev/null
cat >check.py <<'PYTHON'
import pathlib
import subprocess
import sys

import pycddl

CASES = [  # type, valid item, whether pycddl takes it
    ("number", "01", True),
    ("number", "fb3ff8000000000000", False),  # 1.5
    ("int / float", "fb3ff8000000000000", True),
    ("[uint, * tstr]", "8301616161 62", False),  # [1, "a", "b"]
    ("[uint, ? tstr]", "820161 61", False),
    ("[? uint, tstr]", "8161 61", False),  # ["a"]
    ("[* (uint, tstr)]", "8401616102 6162", False),  # [1, "a", 2, "b"]
    ("[* uint]", "83010203", True),
]
zcbor = pathlib.Path(sys.executable).with_name("zcbor")
wrong = False
for type_, item, expected in CASES:
    data = bytes.fromhex(item)
    try:
        pycddl.Schema(f"a = {type_}").validate_cbor(data)
        taken = True
    except pycddl.ValidationError:
        taken = False
    pathlib.Path("a.cddl").write_text(f"a = {type_}\n")
    command = [zcbor, "validate", "-c", "a.cddl", "-t", "a", "-i", "-", "--input-as", "cbor"]
    other = subprocess.run(command, input=data, capture_output=True).returncode == 0
    print(f"{type_:20} {data.hex():20} pycddl {'takes' if taken else 'REFUSES':8} zcbor {'takes' if other else 'REFUSES'}")
    wrong |= taken != expected or not other
sys.exit(wrong)
PYTHON
python/bin/python check.py
