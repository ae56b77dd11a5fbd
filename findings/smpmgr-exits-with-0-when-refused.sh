#!/usr/bin/env bash
# A tool that manages devices is expected to fail when the device refuses. smpmgr prints the device's error as an object's dump on standard
# output and exits with 0: for listing the images, for erasing a slot and for marking an image, where "rc": 8 (not supported) and
# "err": {"group": 1, "rc": 14} (invalid slot) are both refusals. An upload that is refused exits with 1, so that trying that one command
# suggests that all do. In a script an update that was uploaded, refused to be marked and never booted passes for done: read the state
# back and compare it.
# Version: smpmgr 0.19.1 with smpclient 7.3.0 (PyPI), Python 3.11, against a server of SMP over UDP that refuses all but OS 6.
# Seen: rc 8: state-read 0, erase 0, state-write 0; err 1/14: state-read 0, erase 0, state-write 0; the answers are in the output.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install smpmgr==0.19.1 smpclient==7.3.0 2>/dev/null
cat >server.py <<'PYTHON'
"""Port 1337 cannot be chosen otherwise in smpmgr: the address, of the loopback network, is an unusual one."""
import pathlib
import socket

LIMITS = b"\xa2hbuf_size\x19\x02\x00ibuf_count\x01"
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.77.13.7", 1337))
pathlib.Path("ready").touch()
while True:
    request, peer = sock.recvfrom(2048)
    group, sequence, command = request[4:6], request[6], request[7]
    body = LIMITS if (group, command) == (b"\0\0", 6) else pathlib.Path("answer").read_bytes()
    sock.sendto(bytes([request[0] + 1, 0]) + len(body).to_bytes(2, "big") + group + bytes([sequence, command]) + body, peer)
PYTHON
python3 server.py &
server=$!
until [ -e ready ]; do sleep 0.1; done
hash=$(printf 'ab%.0s' {1..32})
try() { # name of the error in the output, command...
    status=0
    wanted=$1
    shift
    timeout 30 python/bin/smpmgr --ip 127.77.13.7 "$@" >output.log 2>&1 </dev/null || status=$?
    grep -q "$wanted" output.log || { echo "$*: no $wanted in the output" >&2; exit 1; }
    echo "$wanted: smpmgr ${*:1:2} exits with $status"
    [ "$status" -eq 0 ]
}
printf '\xa1brc\x08' >answer
for command in "state-read" "erase 1" "state-write $hash"; do try ENOTSUP image $command; done
printf '\xa1cerr\xa2egroup\x01brc\x0e' >answer
for command in "state-read" "erase 1" "state-write $hash"; do try INVALID_SLOT image $command; done
