#!/usr/bin/env bash
# If-Match and If-None-Match are critical options: a server that does not act on one has to answer 4.02, and one that does, 4.12 when the
# condition fails (RFC 7252, 5.4.1 and 5.10.8); either way the resource stays as it was. libcoap counts both as known for every program,
# so its own check for unknown critical options lets them through to each resource's handler, which has to act on them. Its
# coap-server's does not: PUT with an ETag that cannot match, or with If-None-Match on what exists, answers 2.04 and overwrites. An option
# that libcoap does not know gets 4.02.
# A client's optimistic locking that is tried against this server loses updates without an error; a handler on libcoap has to check itself.
# Version: libcoap3-bin 4.3.1-1 and libcoap3 4.3.1-1 (Debian 12), no cache or block-wise transfer involved; Python's own sockets ask.
# Seen: PUT one: 2.01; PUT two, If-Match aabb: 2.04; GET: two; PUT three, If-None-Match: 2.04; GET: three; option 65001: 4.02; GET: three.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q libcoap3-bin=4.3.1-1 libcoap3=4.3.1-1 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH=$folder/unpacked/usr/lib/x86_64-linux-gnu
port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
unpacked/usr/bin/coap-server-notls -A 127.0.0.1 -p "$port" >/dev/null 2>&1 &
server=$!
cat >ask.py <<'PYTHON'
import socket
import sys

GET, PUT, URI_PATH, IF_MATCH, IF_NONE_MATCH = 1, 3, 11, 1, 5
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("127.0.0.1", int(sys.argv[1])))
sock.settimeout(1)
number = 0


def ask(code, payload=b"", options=()):
    """Sends a request to /example_data and gives the answer's code and payload; repeats it while the server is not up."""
    global number
    number += 1
    message, last = bytes([0x40, code]) + number.to_bytes(2, "big"), 0
    for option, value in sorted([*options, (URI_PATH, b"example_data")]):
        delta, last = option - last, option
        extended = (delta - 13).to_bytes(1, "big") if 13 <= delta < 269 else (delta - 269).to_bytes(2, "big") if delta >= 269 else b""
        message += bytes([(12 + len(extended) if extended else delta) << 4 | len(value)]) + extended + value
    for _ in range(20):
        try:
            sock.send(message + (b"\xff" + payload if payload else b""))
            answer = sock.recv(2048)
            return f"{answer[1] >> 5}.{answer[1] & 31:02}", answer.partition(b"\xff")[2].decode()
        except (ConnectionRefusedError, TimeoutError):
            continue
    sys.exit("no answer")


seen = [ask(PUT, b"one")[0]]
cases = [("If-Match", b"two", (IF_MATCH, b"\xaa\xbb")), ("If-None-Match", b"three", (IF_NONE_MATCH, b"")), ("65001", b"four", (65001, b"x"))]
for name, payload, option in cases:
    seen += [ask(PUT, payload, [option])[0], ask(GET)[1]]
    print(f"PUT {payload.decode()} with {name}: {seen[-2]}; GET: {seen[-1]}")
assert seen == ["2.01", "2.04", "two", "2.04", "three", "4.02", "three"], seen
PYTHON
python3 ask.py "$port"
