#!/usr/bin/env bash
# An Intel HEX file may hold extended linear (04) and extended segment (02) address records. Two HEX files are expected to mean their union
# when one is put behind the other without the end record between; people join a boot loader's, an application's and a configuration's file
# that way. But GNU's and LLVM's objcopy write addresses below 1 MB by 02 and others by 04, so that such a joint file mixes them, and readers
# do not agree what a 02 does after a 04: to intelhex and srec_cat it takes the 04's place; GNU objcopy, LLVM's and bincopy add both bases.
# None of them warns. One tool's right image is another's application 256 MB too high: exit code 0, and a device that does not start.
# Nor do they agree on a record that runs over the end of its segment: srec_cat alone wraps to the segment's start, as Intel wrote it.
# Join with a tool that writes 04 alone (srec_cat, intelhex), and have the reader refuse a file with both.
# Versions: binutils 2.40-2, llvm-14 1:14.0.6-12, srecord 1.64-3 (Debian 12), intelhex 2.3.0, bincopy 20.1.1 (PyPI), Python 3.11.
# Seen: application's address: intelhex, srec_cat 0x10000; bincopy, GNU, LLVM 0x10010000. Wrapped record: srec_cat 0x10000, others 0x20000.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q srecord=1.64-3 libsrecord0=1.64-3 libgcrypt20 binutils-x86-64-linux-gnu=2.40-2 binutils-common=2.40-2 \
    libbinutils=2.40-2 llvm-14=1:14.0.6-12 libllvm14=1:14.0.6-12 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH=$folder/unpacked/usr/lib/x86_64-linux-gnu:$folder/unpacked/usr/lib/llvm-14/lib
gnu=unpacked/usr/bin/x86_64-linux-gnu-objcopy
python3 -m venv python
python/bin/pip -q install intelhex==2.3.0 bincopy==20.1.1 2>/dev/null
# GNU objcopy itself writes both files: a word for the configuration at 0x10001000, an application's at 0x10000.
printf uicr >configuration.bin
printf CODE >application.bin
$gnu -I binary -O ihex --change-addresses 0x10001000 configuration.bin configuration.hex
$gnu -I binary -O ihex --change-addresses 0x10000 application.bin application.hex
{ grep -v '^:0[04]00000[135]' configuration.hex; grep -v '^:0400000[35]' application.hex; } >joint.hex # one end, no start records
printf ':020000021000EC\r\n:04FFFE00636F646564\r\n:00000001FF\r\n' >wrapped.hex # "code" at offset 0xFFFE of the segment at 0x10000
cat >read.py <<'PYTHON'
import sys

import bincopy
from intelhex import IntelHex

tool, path, wanted = sys.argv[1:]
if tool == "intelhex":
    image = IntelHex(path)
    cells = {at: image[at] for at in image.addresses()}
else:
    image = bincopy.BinFile()
    image.add_file(path)
    cells = {segment.minimum_address + at: byte for segment in image.segments for at, byte in enumerate(segment.data)}
print(next(hex(at) for at in sorted(cells) if cells[at] == ord(wanted)))
PYTHON
# Where a reader puts a letter of a file; of a tool that is no library by what it makes of the file: HEX with one kind of address record.
place() { # reader, file, letter
    case $1 in
    intelhex | bincopy) python/bin/python read.py "$1" "$2" "$3"; return ;;
    srec_cat) unpacked/usr/bin/srec_cat "$2" -intel -o out.hex -intel 2>/dev/null ;;
    GNU) $gnu -I ihex -O ihex "$2" out.hex ;;
    LLVM) unpacked/usr/lib/llvm-14/bin/llvm-objcopy -I ihex -O ihex "$2" out.hex ;;
    esac
    python/bin/python read.py intelhex out.hex "$3"
}
seen=
for reader in intelhex srec_cat bincopy GNU LLVM; do
    line="$reader: application at $(place "$reader" joint.hex C), wrapped byte at $(place "$reader" wrapped.hex d)"
    echo "$line"
    seen+="$line;"
done
wrap=", wrapped byte at"
[ "$seen" = "intelhex: application at 0x10000$wrap 0x20000;srec_cat: application at 0x10000$wrap 0x10000;bincopy: application at \
0x10010000$wrap 0x20000;GNU: application at 0x10010000$wrap 0x20000;LLVM: application at 0x10010000$wrap 0x20000;" ]
