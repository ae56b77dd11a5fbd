#!/usr/bin/env bash
# Blocks of UF2 name their addresses, so that a file may leave parts of a flash as they are: keys, a file system, a calibration between boot
# code and program. uf2info of uf2utils is what tells, before a file is copied to a drive, how much it spans and whether it has gaps. It says
# "Contains NO gaps" of every file: the call that would look is commented out in it. Who trusts that takes the whole span for covered,
# compares it with a dump, or fills it, and loses what lay in the gap.
# Ask the library in the same package: UF2File(path), then generate_blocks_for_gaps() after sort_blocks(), and compare the lengths.
# Versions: uf2utils 0.9.8 (PyPI), Python 3.11.
# Seen: two blocks of 256 bytes at 0x08000000 and 0x08020000: uf2info "Contains NO gaps"; the library fills in 511 blocks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install uf2utils==0.9.8 2>/dev/null
python/bin/python - <<'PYTHON'
import struct

with open("two.uf2", "wb") as file:
    for number, address in enumerate((0x08000000, 0x08020000)):
        head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, address, 256, number, 2, 0x57755A57)
        file.write(head + bytes(range(256)) + bytes(220) + struct.pack("<I", 0x0AB16F30))
PYTHON
said=$(python/bin/uf2info two.uf2)
filled=$(python/bin/python -c '
from uf2utils.file import UF2File
file = UF2File("two.uf2")
before = len(file)
file.sort_blocks()
file.generate_blocks_for_gaps()
print(before, len(file) - before)')
echo "uf2info: $(grep -o 'Contains.*gaps.*' <<<"$said" | head -1), $(grep -o 'in [0-9]* blocks' <<<"$said"); blocks, and blocks for its gaps: $filled"
grep -q 'spanning 0x8000000 - 0x8020000 in 2 blocks' <<<"$said"
grep -q 'Contains NO gaps' <<<"$said"
[ "$filled" = "2 511" ]
