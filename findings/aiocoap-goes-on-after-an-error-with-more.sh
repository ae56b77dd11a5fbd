#!/usr/bin/env bash
# A server that refuses the first block of a request with 4.13 and echoes that block's Block1 option as it came, its "more" bit included,
# has ended the exchange: 4.13 is a final answer (RFC 7959, 2.9.3). aiocoap looks at the bit before it looks at the code: it sends all the
# other blocks, and only the answer to the last one reaches its caller. With the bit cleared it stops after the first. A server that is to be
# spared the rest of a body that it has refused clears the bit in every error.
# Version: aiocoap 0.4.17 (PyPI), Python 3.11. A POST of 3,000 bytes in blocks of 1,024.
# Seen: bit cleared: "4.13 Request Entity Too Large" after 1 block; bit echoed: the same answer, after 3 blocks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" -q install aiocoap==0.4.17 2>/dev/null
cat >"$folder/ask.py" <<'PYTHON'
import asyncio
import socket
import threading

import aiocoap


def refuse(sock, echo, blocks):
    """Answers each request with 4.13 and its Block1 option, the "more" bit as asked for or cleared."""
    while True:
        data, peer = sock.recvfrom(2048)
        if data[1] == 0:
            continue
        token, at, number, block = data[4 : 4 + (data[0] & 15)], 4 + (data[0] & 15), 0, 0
        while at < len(data) and data[at] != 0xFF:
            delta, length = data[at] >> 4, data[at] & 15
            at += 1
            if delta == 13:
                delta, at = 13 + data[at], at + 1
            number += delta
            if number == 27:
                block = int.from_bytes(data[at : at + length], "big")
            at += length
        blocks.append(block >> 4)
        option = bytes([0xD1, 27 - 13, block if echo else block & ~8])
        sock.sendto(bytes([0x60 | len(token), 0x8D]) + data[2:4] + token + option, peer)


async def ask(echo):
    sock, blocks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), []
    sock.bind(("127.0.0.1", 0))
    threading.Thread(target=refuse, args=(sock, echo, blocks), daemon=True).start()
    context = await aiocoap.Context.create_client_context()
    uri = f"coap://127.0.0.1:{sock.getsockname()[1]}/x"
    try:
        answer = (await context.request(aiocoap.Message(code=aiocoap.POST, uri=uri, payload=b"a" * 3000)).response).code.dotted
    except aiocoap.error.Error as error:
        answer = type(error).__name__
    await context.shutdown()
    return answer, len(blocks)


cleared, echoed = asyncio.run(ask(False)), asyncio.run(ask(True))
print(f"bit cleared: {cleared[0]} after {cleared[1]} block; bit echoed: {echoed[0]} after {echoed[1]} blocks")
assert cleared == ("4.13", 1) and echoed == ("4.13", 3)
PYTHON
timeout 60 "$folder/python/bin/python" "$folder/ask.py"
