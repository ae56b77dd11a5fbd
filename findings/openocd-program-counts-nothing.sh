#!/usr/bin/env bash
# OpenOCD's procedure `program` writes through the command `flash write_image`, which says how many bytes it wrote; through `program`
# nothing is said of a count. A tool that follows OpenOCD's log by that line sees it in one way of writing and never in the other,
# and takes a write that went well for one of no bytes.
# Version: OpenOCD 0.12.0 (Debian 12, openocd 0.12.0-1), with its dummy adapter and its flash bank in memory.
# Seen: write_image: "wrote 65536 bytes from file image.bin …"; program: "** Programming Finished **" and no count; both exit with 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q openocd=0.12.0-1 libjim0.81 libhidapi-hidraw0 libjaylink0 libgpiod2 libcapstone4 libftdi1-2 libusb-1.0-0 >/dev/null
for package in ./*.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH=$folder/unpacked/usr/lib/x86_64-linux-gnu:$folder/unpacked/lib/x86_64-linux-gnu
head -c 4096 /dev/zero >image.bin
cat >target.cfg <<'CONFIGURATION'
adapter driver dummy
transport select jtag
jtag newtap c t -irlen 4
target create c.t testee -chain-position c.t
flash bank f faux 0x01000000 0x10000 2 2 c.t
CONFIGURATION
openocd() { unpacked/usr/bin/openocd -s unpacked/usr/share/openocd/scripts -f target.cfg "$@"; }
openocd -c init -c "flash write_image erase image.bin 0x01000000 bin" -c shutdown >direct.log 2>&1
openocd -c "program image.bin 0x01000000 exit" >program.log 2>&1
count() { grep -c '^wrote [0-9]* bytes from file' "$1" || true; }
echo "flash write_image: $(grep '^wrote' direct.log | sed 's/ in .*//')"
echo "program:           $(grep 'Programming Finished' program.log), lines with a count: $(count program.log)"
grep -q 'Programming Finished' program.log
[ "$(count direct.log)" -eq 1 ] && [ "$(count program.log)" -eq 0 ]
