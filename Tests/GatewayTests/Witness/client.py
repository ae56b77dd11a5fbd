"""A CoAP client that nobody here wrote (aiocoap) discovers, observes and commands a node through the gateway.

Usage: client.py BASE COMMAND-IN-HEX NEXT-COMMAND-IN-HEX
    BASE   such as coap://127.0.0.1:5683/porch
Prints one JSON object: the links, the status, the receipts in hexadecimal and what was observed.
"""
import asyncio
import json
import sys

import aiocoap
from aiocoap.util.linkformat import parse


async def main():
    base, command, following = sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])
    root = base.rsplit("/", 1)[0]
    context = await aiocoap.Context.create_client_context()

    async def request(code, uri, **more):
        return await context.request(aiocoap.Message(code=code, uri=uri, **more)).response

    result = {}
    links = await request(aiocoap.GET, root + "/.well-known/core")
    result["links"] = [link.href for link in parse(links.payload.decode()).links]
    status = await request(aiocoap.GET, base + "/status")
    result["status"] = [str(status.code), status.payload.hex()]

    observed = []
    changed = asyncio.Event()
    observation = context.request(aiocoap.Message(code=aiocoap.GET, uri=base + "/devices", observe=0))
    first = await observation.response
    observed.append(first.payload.hex())

    def notified(message):
        observed.append(message.payload.hex())
        changed.set()

    observation.observation.register_callback(notified)

    receipts = []
    for message in (command, following):
        changed.clear()
        answer = await request(aiocoap.POST, base + "/command", payload=message, content_format=18)
        receipts.append([str(answer.code), answer.opt.content_format, answer.payload.hex()])
        await asyncio.wait_for(changed.wait(), 60)
    observation.observation.cancel()
    result["receipts"], result["observed"] = receipts, observed
    again = await request(aiocoap.POST, base + "/command", payload=command, content_format=18)
    result["replay"] = [str(again.code), again.opt.content_format]
    nowhere = await request(aiocoap.GET, base + "/nowhere")
    result["nowhere"] = str(nowhere.code)
    await context.shutdown()
    print(json.dumps(result))


asyncio.run(asyncio.wait_for(main(), 240))
