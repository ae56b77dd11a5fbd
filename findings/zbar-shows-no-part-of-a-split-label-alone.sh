#!/usr/bin/env bash
# QR codes can split a text over up to 16 symbols (structured append, ISO/IEC 18004). A scanner that does not know of it is expected to give
# each symbol's piece of the text, and one that does, the piece with its number. zbarimg does neither: a picture with one part, or a picture
# that lacks one, holds "no barcode" (exit code 4), though each symbol is sharp and reads well; parts in several pictures of one call are
# never put together; all of them in one picture come out as a single text, nothing telling that it was split.
# A device whose label is split is therefore unreadable close up, part after part, and a test of a label that scans its symbols one by one
# looks as if the printing were broken. The text that joins them has to be one picture, or the label one symbol.
# Version: zbar-tools 0.23.92-7+deb12u1 and qrencode 4.1.1-1 (Debian 12).
# Seen: unsplit: the text; each part alone: nothing, exit 4; all in one call: nothing, exit 4; in one picture: the whole text once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
[ "$(dpkg-query -W -f '${Version}' zbar-tools)" = 0.23.92-7+deb12u1 ] || { echo "needs zbar-tools 0.23.92-7+deb12u1" >&2; exit 1; }
apt-get download -q qrencode=4.1.1-1 libqrencode4=4.1.1-1 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH=$folder/unpacked/usr/lib/x86_64-linux-gnu
text="node 7F3A91C04D22 setup code 20417-83365-11920-55078, keep this label with the papers"
cat >picture.py <<'PYTHON'
"""Writes the symbols of qrencode's ASCII output, two characters a module, below one another as one PGM picture of 6 pixels a module."""
import sys

target, *sources = sys.argv[1:]
rows = []
for source in sources:
    for line in open(source).read().splitlines():
        pixels = b"".join((b"\0" if line[i] == "#" else b"\xff") * 6 for i in range(0, len(line), 2))
        rows += [pixels] * 6
width = max(map(len, rows))
with open(target, "wb") as picture:
    picture.write(b"P5 %d %d 255\n" % (width, len(rows)) + b"".join(row.ljust(width, b"\xff") for row in rows))
PYTHON
printf %s "$text" | unpacked/usr/bin/qrencode -8 -m 4 -t ASCII -o whole.txt
printf %s "$text" | unpacked/usr/bin/qrencode -8 -m 4 -t ASCII -S -v 3 -l M -o part.txt
parts=(part-*.txt)
pictures=()
for part in "${parts[@]}"; do
    python3 picture.py "${part%.txt}.pgm" "$part"
    pictures+=("${part%.txt}.pgm")
done
python3 picture.py whole.pgm whole.txt
python3 picture.py joined.pgm "${parts[@]}"
scan() { status=0; found=$(zbarimg -q --raw "$@" 2>/dev/null) || status=$?; echo "exit $status, ${#found} characters: $*"; }
scan whole.pgm
[ "$found" = "$text" ]
for picture in "${pictures[@]}"; do scan "$picture"; [ -z "$found" ] && [ $status -eq 4 ]; done
scan "${pictures[@]}"
[ -z "$found" ] && [ $status -eq 4 ]
scan joined.pgm
[ "$found" = "$text" ] && [ $status -eq 0 ] && [ ${#parts[@]} -gt 1 ]
