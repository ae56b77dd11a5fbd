#!/usr/bin/env bash
# A linker leaves gaps between sections, and HEX has no bytes there. imgtool signs a HEX file as well as a binary, and one build is expected
# to have one digest. It has two: imgtool fills the gaps of HEX with the flash's erased value, 0xFF, objcopy -O binary with 0x00. Both
# signed images verify and boot, but the digest that a board reports (MCUboot's TLV 0x10, SMP's image list) is not the one that the
# release's other file has, so that an update tool sees another image, and a reproducible build is not one. And by whichever way, the bytes
# between are signed: a HEX file programmed without them over flash that was not erased there fails at boot.
# Convert once, by objcopy --gap-fill 0xff, and sign only that; --erased-val of imgtool is no remedy, it has to stay the flash's own.
# Versions: imgtool 2.5.0, intelhex 2.3.0 (PyPI), Python 3.11; binutils 2.40-2 (Debian 12).
# Seen: img_size the same (68 bytes); the gap ff by HEX, 00 by binary; digests differ; with --gap-fill 0xff they are equal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q binutils-x86-64-linux-gnu=2.40-2 binutils-common=2.40-2 libbinutils=2.40-2 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH=$folder/unpacked/usr/lib/x86_64-linux-gnu
objcopy=unpacked/usr/bin/x86_64-linux-gnu-objcopy
python3 -m venv python
python/bin/pip -q install imgtool==2.5.0 intelhex==2.3.0 2>/dev/null
python/bin/python - <<'PYTHON'
from intelhex import IntelHex

image = IntelHex()
image.puts(0x00, b"vectors and code")
image.puts(0x20, b"initialised data")
image.puts(0x40, b"last")
image.write_hex_file("build.hex")
PYTHON
$objcopy -I ihex -O binary build.hex build.bin
$objcopy -I ihex -O binary --gap-fill 0xff build.hex filled.bin
python/bin/imgtool keygen -t ed25519 -k key.pem
digest() {
    python/bin/imgtool sign -k key.pem --header-size 32 --pad-header --slot-size 8192 -v 1.2.3 "$1" signed.bin >/dev/null 2>&1
    python/bin/imgtool verify -k key.pem signed.bin | sed -n 's/^Image digest: //p'
    python/bin/python -c 'd = open("signed.bin", "rb").read(); print(d[12], d[0x30:0x31].hex())' >&3
}
exec 3>facts
hex=$(digest build.hex) binary=$(digest build.bin) filled=$(digest filled.bin)
echo "HEX ${hex::16}…, binary ${binary::16}…, binary with --gap-fill 0xff ${filled::16}…; size and gap of each: $(paste -sd, facts)"
[ ${#hex} -eq 64 ] && [ "$hex" != "$binary" ] && [ "$hex" = "$filled" ] && [ "$(paste -sd, facts)" = "68 ff,68 00,68 ff" ]
