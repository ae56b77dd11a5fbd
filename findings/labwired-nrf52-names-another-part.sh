#!/usr/bin/env bash
# Firmware for the nRF52 family can read which part it runs on, and how much flash and RAM that has, from FICR: drivers and stores place their
# last page by it. In labwired each nRF52 says that it is an nRF52840 with 1 MB and 256 KB, while the memory behind it is the named
# chip's: an nRF52833 reads its flash up to 512 KB and faults at the first word behind.
# A store that puts itself at the end by FICR works on the board and hard-faults in the simulation, errata workarounds for the wrong part
# run, and what was simulated is another branch than what ships. Take sizes from the linker script there.
# Version: labwired 0.25.0 (PyPI), Python 3.11. Nordic's values: 52833: 128 pages, 512 KB, 128 KB; 52832: 128 pages, 512 KB, 64 KB.
# Seen on nrf52833, nrf52832 and nrf52840: part 0x52840, 256 pages of 4096, 1024 KB flash, 256 KB RAM; 0x7fffc can be read on all,
# 0x80000 on nrf52840 alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install labwired==0.25.0 2>/dev/null
cat >part.py <<'PYTHON'
import struct

import labwired

RESULTS = 0x2000_0000
code = [
    *(0x4809, 0x4B0A, 0x4C0A),  # ldr r0, r3, r4 from the literals
    *(0x6902, 0x601A, 0x6942, 0x605A),  # CODEPAGESIZE and CODESIZE: ldr r2, [r0, #…]; str r2, [r3, #…]
    *(0x6822, 0x609A, 0x68E2, 0x60DA, 0x6922, 0x611A),  # INFO.PART, INFO.RAM, INFO.FLASH, by r4
    *(0x4806, 0x6802, 0x6158),  # ldr r0 from the literals; the word there; str r0, [r3, #0x14]: came so far
    *(0x6842, 0x6198),  # the next word; str r0, [r3, #0x18]: came so far
    *(0xE7FE, 0xBF00),  # b to itself, where faults end too
]
HANG = 0x40 + 2 * 18 | 1
literals = [0x1000_0000, RESULTS, 0x1000_0100, 0x0007_FFFC]
image = struct.pack("<16I", 0x2000_4000, 0x41, *[HANG] * 14) + struct.pack(f"<{len(code)}H4I", *code, *literals)
header = b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0x41, 52, 0, 0x0500_0000, 52, 32, 1, 0, 0, 0)
segment = struct.pack("<8I", 1, 84, 0, 0, len(image), len(image), 5, 4)
open("image.elf", "wb").write(header + segment + image)

for chip in ("nrf52833", "nrf52832", "nrf52840"):
    sim = labwired.Sim("image.elf", chip=chip)
    sim.run_for("1ms")
    page, pages, part, ram, flash, inside, behind = (sim.read_u32(RESULTS + 4 * index) for index in range(7))
    print(f"{chip}: part {part:#x}, {pages} pages of {page}, flash {flash} KB, RAM {ram} KB; 0x7fffc read: {inside != 0}, 0x80000: {behind != 0}")
    assert (page, pages, part, ram, flash) == (4096, 256, 0x52840, 256, 1024)
    assert inside and bool(behind) == (chip == "nrf52840")
PYTHON
python/bin/python part.py
