"""A CoAP server that nobody here wrote (aiocoap), reached through slipmux frames on a Unix socket.

Usage: coap_server.py SOCKET [--lose N,N,...] [--repeat] [--noise]
    --lose    frames (counted from 1, both directions) that never arrive
    --repeat  every frame arrives twice
    --noise   bytes that are no frame stand between the frames, and a log line before each
Prints "ready" and its UDP port when it listens. aiocoap speaks UDP; this bridge puts each datagram into a frame.
"""
import argparse
import asyncio
import socket

import aiocoap
import aiocoap.resource as resource

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD


def fcs(data):
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x8408 if register & 1 else 0)
    return (register ^ 0xFFFF).to_bytes(2, "little")


def frame(kind, data):
    body = bytes([kind]) + data
    if kind == 0xA9:
        body += fcs(body)
    escaped = body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + escaped + b"\xc0"


assert fcs(b"123456789") == (0x906E).to_bytes(2, "little")  # the check value of CRC-16/X-25


class Text(resource.Resource):
    def __init__(self, text, delay=0):
        super().__init__()
        self.text, self.delay = text, delay

    async def render_get(self, request):
        await asyncio.sleep(self.delay)
        return aiocoap.Message(payload=self.text, content_format=42)


class Echo(resource.Resource):
    count = 0

    async def render_post(self, request):
        self.count += 1
        query = "&".join(request.opt.uri_query).encode()
        return aiocoap.Message(code=aiocoap.CHANGED, payload=b"%d:%s:%s" % (self.count, query, request.payload), content_format=60)


class Ticker(resource.ObservableResource):
    value = observers = 0

    def update_observation_count(self, count):
        self.observers = count

    async def tick(self):
        while True:
            await asyncio.sleep(0.05)
            if self.observers:
                self.value += 1
                self.updated_state()

    async def render_get(self, request):
        return aiocoap.Message(payload=b"%d" % self.value)


class LongTicker(Ticker):
    """Its representations come in several blocks."""

    async def render_get(self, request):
        return aiocoap.Message(payload=b"%d;" % self.value * 1000)


class Silent(resource.ObservableResource):
    """Lets itself be observed and never tells anything, as a device that restarted would."""

    value = 0

    async def render_get(self, request):
        self.value += 1
        return aiocoap.Message(payload=b"%d" % self.value, max_age=0)


class Observers(resource.Resource):
    def __init__(self, ticker):
        super().__init__()
        self.ticker = ticker

    async def render_get(self, request):
        return aiocoap.Message(payload=b"%d" % self.ticker.observers)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--lose", default="")
    parser.add_argument("--repeat", action="store_true")
    parser.add_argument("--noise", action="store_true")
    options = parser.parse_args()
    lost = {int(n) for n in options.lose.split(",") if n}

    site = resource.Site()
    ticker = Ticker()
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    site.add_resource(["short"], Text(b"hello"))
    site.add_resource(["long"], Text(bytes(n % 251 for n in range(5000))))
    site.add_resource(["slow"], Text(b"at last", delay=1.0))
    site.add_resource(["echo"], Echo())
    site.add_resource(["ticker"], ticker)
    long_ticker = LongTicker()
    site.add_resource(["long-ticker"], long_ticker)
    site.add_resource(["silent"], Silent())
    site.add_resource(["observers"], Observers(ticker))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    await aiocoap.Context.create_server_context(site, bind=("::1", port))
    ticking = [asyncio.create_task(one.tick()) for one in (ticker, long_ticker)]

    frames = 0

    def passes():
        nonlocal frames
        frames += 1
        return frames not in lost

    async def serve(reader, writer):
        class FromServer(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                if not passes():
                    return
                if options.noise:
                    writer.write(b"\xde\xad\xbe\xef" + frame(0x0A, "log line \x1b[31m".encode()))
                writer.write(frame(0xA9, data) * (2 if options.repeat else 1))

        udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(FromServer, remote_addr=("::1", port))
        buffer = bytearray()
        while chunk := await reader.read(100):
            buffer += chunk
            while END in buffer:
                end = buffer.index(END)
                body = bytes(buffer[:end]).replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                del buffer[: end + 1]
                if not body or body[0] != 0xA9 or fcs(body[:-2]) != body[-2:]:
                    continue
                if passes():
                    for _ in range(2 if options.repeat else 1):
                        udp.sendto(body[1:-2])
        udp.close()
        writer.close()

    server = await asyncio.start_unix_server(serve, options.socket)
    print(f"ready {port}", flush=True)
    async with server:
        await server.serve_forever()
    for task in ticking:
        task.cancel()


asyncio.run(main())
