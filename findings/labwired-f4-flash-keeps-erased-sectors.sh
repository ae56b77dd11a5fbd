#!/usr/bin/env bash
# NOR flash erases to ones by sectors and programming clears bits. labwired's flash of the STM32F411 does neither: a sector erase that is
# started as the reference manual says changes no byte and leaves STRT set for ever, though BSY and every error flag of FLASH_SR read 0; a
# word that is programmed over another replaces it, ones where zeros were included.
# Firmware that waits for STRT hangs there, a log or store that looks for the first erased word finds none, and one that has forgotten to
# erase passes. What a store does about erasing has to be tested on another chip of labwired (stm32u575, nrf52833) or a model of one's own.
# Version: labwired 0.25.0 (PyPI), chip stm32f411ceu6, Python 3.11.
# Seen: after erasing sector 5: word 0x00ff00ff (written before), SR 0x0, CR 0x1022a (STRT set); after programming 0xff00ff00: 0xff00ff00.
# Expected: 0xffffffff, SR 0x0, CR 0x22a; programming 0xff00ff00 over 0x00ff00ff without erasing: 0x00000000.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install labwired==0.25.0 2>/dev/null
cat >flash.py <<'PYTHON'
import struct

import labwired

BASE, FLASH, SECTOR, RESULTS = 0x0800_0000, 0x4002_3C00, 0x0802_0000, 0x2000_0000
KEYR, SR, CR = 4, 0xC, 0x10
steps = []  # ("write", address, value) and ("copy", from, to), in the order in which the core does them


def program(word):
    steps.extend([("write", FLASH + CR, 0x201), ("write", SECTOR, word), ("wait",)])  # PG, words of 32 bits


def copy(source, index):
    steps.append(("copy", source, RESULTS + 4 * index))


steps += [("write", FLASH + KEYR, 0x4567_0123), ("write", FLASH + KEYR, 0xCDEF_89AB)]
program(0x00FF_00FF)
copy(SECTOR, 0)
steps += [("write", FLASH + CR, 0x22A), ("write", FLASH + CR, 0x1022A), ("wait",)]  # SER and SNB 5, then STRT too
copy(SECTOR, 1), copy(FLASH + SR, 2), copy(FLASH + CR, 3)
program(0xFF00_FF00)
copy(SECTOR, 4)

code, literals = [], []
for kind, *values in steps:
    for register, value in enumerate(values or [1000]):
        code.append((register, len(literals)))  # ldr register, =value
        literals.append(value)
    # str r1, [r0]; ldr r2, [r0] and str r2, [r1]; subs r0, #1 and bne back to it
    code += {"write": [0x6001], "copy": [0x6802, 0x600A], "wait": [0x3801, 0xD1FD]}[kind]
code += [0xE7FE] + [0xBF00] * ((len(code) + 1) % 2)  # b to itself
image = struct.pack("<16I", 0x2000_4000, *[BASE + 0x41] * 15)
for at, word in enumerate(code):
    if isinstance(word, tuple):
        distance = 0x40 + 2 * len(code) + 4 * word[1] - (0x40 + 2 * at + 4 & ~3)
        code[at] = 0x4800 | word[0] << 8 | distance // 4
image += struct.pack(f"<{len(code)}H{len(literals)}I", *code, *literals)
header = b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, BASE + 0x41, 52, 0, 0x0500_0000, 52, 32, 1, 0, 0, 0)
segment = struct.pack("<8I", 1, 84, BASE, BASE, len(image), len(image), 5, 4)
open("image.elf", "wb").write(header + segment + image)

sim = labwired.Sim("image.elf", chip="stm32f411ceu6")
sim.run_for("50ms")
before, word, status, control, over = (sim.read_u32(RESULTS + 4 * index) for index in range(5))
print(f"after erasing: word {word:#010x}, SR {status:#x}, CR {control:#x}; after programming 0xff00ff00: {over:#010x}")
assert (before, word, status, control, over) == (0x00FF_00FF, 0x00FF_00FF, 0, 0x1022A, 0xFF00_FF00)
PYTHON
python/bin/python flash.py
