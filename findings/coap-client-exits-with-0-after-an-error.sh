#!/usr/bin/env bash
# A client on the command line is expected to tell by its exit code whether the request succeeded, as curl -f and aiocoap-client do. libcoap's
# coap-client exits with 0 whatever came: after 4.04, after 5.03, and after no answer at all. An error leaves its code on standard error alone,
# and silence leaves nothing: both look like a success with an empty payload.
# A check that is a shell's `coap-client … && next` therefore passes against a node that refuses everything, or that is switched off: read standard
# error and ask for a payload, or use another client.
# Version: libcoap3-bin 4.3.1-1 (Debian 12) against a server of 20 lines; for comparison aiocoap 0.4.17 (PyPI), Python 3.11.
# Seen: 2.05, 4.04, 5.03, silence: coap-client-notls exits with 0 0 0 0, aiocoap-client with 0 1 1 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q libcoap3-bin=4.3.1-1 libcoap3=4.3.1-1 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH=$folder/unpacked/usr/lib/x86_64-linux-gnu
python3 -m venv python
python/bin/pip -q install aiocoap==0.4.17 2>/dev/null
cat >server.py <<'PYTHON'
import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 0))
with open("port", "w") as file:
    file.write(f"{sock.getsockname()[1]}\n")
while True:
    data, peer = sock.recvfrom(2048)
    token = data[4 : 4 + (data[0] & 15)]
    path = data[-1:]  # the only option of these requests that counts is the last: a Uri-Path of one letter
    code = {b"a": 0x45, b"b": 0x84, b"c": 0xA3}.get(path)  # 2.05, 4.04, 5.03; silence for any other path
    if code and data[1] == 1:
        sock.sendto(bytes([0x60 | len(token), code]) + data[2:4] + token, peer)
PYTHON
python3 server.py &
server=$!
until [ -s port ]; do sleep 0.1; done
codes() {
    for path in a b c d; do
        status=0
        "$@" "coap://127.0.0.1:$(cat port)/$path" >/dev/null 2>&1 </dev/null || status=$?
        echo -n "$status "
    done
}
# libcoap gives up after the 2 seconds of -B. aiocoap would send for 93 seconds: that its caller stops it after 5 counts as 1.
libcoap=$(codes unpacked/usr/bin/coap-client-notls -B 2 -m get)
aiocoap=$(codes bash -c 'timeout 5 python/bin/aiocoap-client "$0" || exit 1')
echo "2.05, 4.04, 5.03, silence: coap-client-notls exits with $libcoap, aiocoap-client with $aiocoap"
[ "$libcoap" = "0 0 0 0 " ] && [ "$aiocoap" = "0 1 1 1 " ]
