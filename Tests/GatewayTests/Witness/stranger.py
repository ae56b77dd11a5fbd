# A stranger with aiocoap: asks for what costs a node a signature or a check, again and again, and sends bodies in blocks. Prints JSON:
# how often each code came back per path, and what a body of 3,000 bytes was answered.
import asyncio
import json
import sys
from collections import Counter

import aiocoap


async def main(base, command):
    context = await aiocoap.Context.create_client_context()

    async def ask(code, path, payload=b"", content_format=None):
        message = aiocoap.Message(code=code, uri=base + path, payload=payload)
        if content_format is not None:
            message.opt.content_format = content_format
        answer = await asyncio.wait_for(context.request(message).response, 20)
        return answer

    codes = {}
    for code, path in [
        (aiocoap.GET, "/history"), (aiocoap.GET, "/events"), (aiocoap.POST, "/attest"), (aiocoap.POST, "/command"),
        (aiocoap.POST, "/what"), (aiocoap.GET, "/status"),
    ]:
        seen = Counter()
        for _ in range(60):
            payload = bytes.fromhex(command) if path in ("/command", "/what") else b"\xa1\x0a\x50" + bytes(16) if code == aiocoap.POST else b""
            answer = await ask(code, path, payload, 18 if path in ("/command", "/what") else 60 if code == aiocoap.POST else None)
            seen[answer.code.dotted] += 1
        codes[path] = seen
    long = await ask(aiocoap.POST, "/command", bytes(3000), 18)
    print(json.dumps({"codes": codes, "long": long.code.dotted, "room": long.opt.size1 or 0}))
    await context.shutdown()


asyncio.run(main(sys.argv[1], sys.argv[2]))
