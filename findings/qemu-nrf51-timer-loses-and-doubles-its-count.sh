#!/usr/bin/env bash
# TASKS_STOP of an nRF51's TIMER halts the count and TASKS_START resumes it: firmware measures pieces of time that way, as Nordic's reference
# manual describes. In QEMU's model the counter is brought up to date only by a capture or a compare. What was counted since the last one is
# lost at STOP, and START, which sets the time base back by the count without clearing it, makes the next capture twice what it was;
# even a START of a timer that runs doubles it. A stopwatch in firmware is right on the board and reads 0, or powers of two, in the
# simulation; and a capture just before STOP hides the first fault, so that a logging build works. Take differences of captures of a
# timer that is never stopped.
# Version: QEMU 7.2 (Debian 12, qemu-system-arm 1:7.2+dfsg-7+deb12u18), machine microbit, virtual time by -icount.
# Seen: n ticks, STOP, capture: 0; START, n ticks, capture: n; STOP, START, capture: 2 n; START, capture: 4 n (within 1 in 100).
# Expected of the chip: n or, where a stopped timer is not captured, the old value; then 2 n each time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
[[ "$(dpkg-query -W -f '${Version}' qemu-system-arm)" = 1:7.2+dfsg-7+deb12u18* ]] || { echo "needs QEMU 7.2 of Debian 12" >&2; exit 1; }
cat >image.py <<'PYTHON'
"""Writes the image: vectors and Thumb code. r0 is TIMER0 (0x40008000), r1 the value 1, r2 an offset."""
import struct

START, STOP, CAPTURE = 0x00, 0x04, 0x40
code, literals = [], [0x40008000, 0x508, 300_000, 0x540]


def trigger(offset):
    code.append(0x6000 | offset // 4 << 6 | 0 << 3 | 1)  # str r1, [r0, #offset]


def load(register, literal):
    code.append(("load", register, literal))  # ldr register, =literals[literal]


def wait():
    load(3, 2)
    code.extend([0x3B01, 0xD1FD])  # subs r3, #1; bne back to it


load(0, 0)
load(2, 1)
code.extend([0x2103, 0x5081])  # movs r1, #3; str r1, [r0, r2]: BITMODE 32 bits
code.append(0x2101)  # movs r1, #1
trigger(START), wait(), trigger(STOP), trigger(CAPTURE)
trigger(START), wait(), trigger(CAPTURE + 4)
trigger(STOP), wait(), trigger(START), trigger(CAPTURE + 8)
trigger(START), trigger(CAPTURE + 12)
load(2, 3)
code.extend([0x1812, 0xCAF0, 0xE7FE])  # adds r2, r2, r0; ldm r2!, {r4-r7}: CC[0] to CC[3]; b to itself
if len(code) % 2:
    code.append(0xBF00)
for at, word in enumerate(code):
    if isinstance(word, tuple):
        distance = (0x40 + 2 * len(code) + 4 * word[2]) - (0x40 + 2 * at + 4 & ~3)
        code[at] = 0x4800 | word[1] << 8 | distance // 4
vectors = [0x20004000, 0x41] + [0x41] * 14
open("image.bin", "wb").write(struct.pack("<16I", *vectors) + struct.pack(f"<{len(code)}H", *code) + struct.pack("<4I", *literals))
PYTHON
python3 image.py
{ sleep 3; echo "info registers"; sleep 1; echo quit; } | timeout 30 qemu-system-arm -M microbit -display none -serial none \
    -icount shift=4,sleep=off -device loader,file=image.bin,addr=0 -monitor stdio >monitor.log
mapfile -t counts < <(grep -oE 'R0[4-7]=[0-9a-f]{8}' monitor.log | sort | cut -d= -f2)
n=$((16#${counts[1]}))
echo "STOP, capture: $((16#${counts[0]})); n ticks: $n; STOP, START: $((16#${counts[2]})); START: $((16#${counts[3]}))"
near() { (((16#$1 - $2) * 100 < $2 && ($2 - 16#$1) * 100 < $2)); }
[ "$n" -gt 1000 ] && [ $((16#${counts[0]})) -eq 0 ] && near "${counts[2]}" $((2 * n)) && near "${counts[3]}" $((4 * n))
