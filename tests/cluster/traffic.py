"""Clients outside of the cluster: steady requests, and many tunnels. What fails is kept, with its time.

A request on a connection that has been used before, and that ends without a byte of an answer, is
sent again once, on a new connection, as every HTTP client does (RFC 9110 §9.2.2).
"""

import asyncio
import base64
import collections
import os
import ssl
import struct
import threading
import time
from dataclasses import dataclass

TIMEOUT = 20  # seconds for an answer, an echo, a handshake


class Loop:
    """The event loop of all clients, on a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def start(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def wait(self, coroutine):
        return self.start(coroutine).result()


LOOP = Loop()


def any_certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


ANY_CERTIFICATE = any_certificate()


@dataclass(frozen=True)
class Target:
    """Where clients go: an address that is asked for a host, in clear or over TLS."""
    address: str
    host: str
    tls: bool = False
    path: str = "/"

    async def connect(self):
        port = 443 if self.tls else 80
        context = ANY_CERTIFICATE if self.tls else None
        return await asyncio.wait_for(
            asyncio.open_connection(self.address, port, ssl=context,
                                    server_hostname=self.host if self.tls else None), TIMEOUT)

    def head(self, method="GET", *fields):
        lines = [f"{method} {self.path} HTTP/1.1", f"Host: {self.host}", *fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_head(reader):
    """Status and fields, with names in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace").split("\r\n")
    fields = dict(line.split(":", 1) for line in head[1:] if ":" in line)
    return int(head[0].split()[1]), {name.lower(): value.strip() for name, value in fields.items()}


@dataclass
class Response:
    status: int  # 0: no answer
    body: str
    fields: dict

    def __str__(self):
        return f"{self.status} {self.body.strip()[:200]}"


async def exchange(stream, target):
    reader, writer = stream
    writer.write(target.head())
    await writer.drain()
    status, fields = await read_head(reader)
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    return Response(status, body.decode(errors="replace"), fields)


async def _get(target):
    try:
        stream = await target.connect()
        try:
            return await asyncio.wait_for(exchange(stream, target), TIMEOUT)
        finally:
            stream[1].close()
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
        return Response(0, f"{type(error).__name__} {error}", {})


def get(target):
    """One request on a connection of its own."""
    return LOOP.wait(_get(target))


class Requests:
    """So many clients, each with a request every `pause` seconds. Every second one keeps its connection."""

    def __init__(self, *targets, clients=8, pause=0.05):
        self.begin = time.monotonic()
        self.answered = collections.Counter()  # by body
        self.failures = []
        self.again = 0
        self.running = True
        self.pause = pause
        self.tasks = [LOOP.start(self._client(targets[number % len(targets)], number // len(targets) % 2 == 0))
                      for number in range(clients)]

    async def _client(self, target, keeps):
        stream = None
        while self.running:
            used = stream is not None
            try:
                stream = stream or await target.connect()
                response = await asyncio.wait_for(exchange(stream, target), TIMEOUT)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                unanswered = used and isinstance(error, (ConnectionError, asyncio.IncompleteReadError)) and \
                    not getattr(error, "partial", b"")
                if stream:
                    stream[1].close()
                    stream = None
                if unanswered:
                    self.again += 1
                    continue
                response = Response(0, f"{type(error).__name__} {error}", {})
            if response.status == 200:
                self.answered[response.body] += 1
            else:
                self.failures.append(f"after {time.monotonic() - self.begin:.2f} s, {target.host}: {response}")
            if stream and (not keeps or response.fields.get("connection", "").lower() == "close"):
                stream[1].close()
                stream = None
            await asyncio.sleep(self.pause)
        if stream:
            stream[1].close()

    def count(self):
        return sum(self.answered.values())

    def end(self):
        self.running = False
        for task in self.tasks:
            task.result(2 * TIMEOUT)

    def __str__(self):
        return f"{self.count()} requests, {len(self.failures)} failed, {self.again} sent again on a new connection"


def frame(opcode, payload):
    """As a client must send it, masked."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = struct.unpack(">H", await reader.readexactly(2))[0]
    elif length == 127:
        length = struct.unpack(">Q", await reader.readexactly(8))[0]
    return first & 0x0F, await reader.readexactly(length)


async def open_tunnel(target):
    """The streams, and the first message, in which the backend says who it is."""
    reader, writer = await target.connect()
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(target.head("GET", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                                 f"Sec-WebSocket-Key: {key}"))
        status, _ = await read_head(reader)
        if status != 101:
            raise ConnectionError(f"the handshake was answered with {status}")
        _, hello = await read_frame(reader)
        return reader, writer, hello.decode()
    except BaseException:
        writer.close()
        raise


@dataclass
class End:
    time: float  # seconds of the monotonic clock
    how: str  # "close 1001 (why)", or what it was instead
    backend: str


class Tunnels:
    """So many WebSockets, each of which sends a message every `pause` seconds and expects it back."""

    def __init__(self, target, count, pause=2.0, again=False):
        """`again`: one that has ended is opened anew at once."""
        self.target, self.pause, self.again = target, pause, again
        self.ends, self.failures = [], []
        self.open = {}  # by number: the backend
        self.echoes = 0
        self.running = True
        self.opening = asyncio.Semaphore(20)  # so many handshakes at once, or one process does not keep up
        self.tasks = [LOOP.start(self._tunnel(number)) for number in range(count)]

    async def _tunnel(self, number):
        while self.running:
            try:
                async with self.opening:
                    reader, writer, backend = await asyncio.wait_for(open_tunnel(self.target), TIMEOUT)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.failures.append(f"{type(error).__name__} {error}")
                await asyncio.sleep(0.5)
                continue
            self.open[number] = backend
            how = await self._hold(reader, writer)
            del self.open[number]
            writer.close()
            if self.running or how != "left":
                self.ends.append(End(time.monotonic(), how, backend))
            if not self.again:
                return

    async def _hold(self, reader, writer):
        reading = asyncio.ensure_future(read_frame(reader))
        try:
            next_message = time.monotonic() + self.pause * (0.5 + os.urandom(1)[0] / 255)
            waiting = None  # since when an echo is due
            while True:
                now = time.monotonic()
                if not self.running:
                    writer.write(frame(0x8, struct.pack(">H", 1000)))
                    return "left"
                if waiting and now - waiting > TIMEOUT:
                    return "silence"
                if not waiting and now >= next_message:
                    writer.write(frame(0x1, b"are you there?"))
                    waiting, next_message = now, now + self.pause
                done, _ = await asyncio.wait([reading], timeout=1)
                if not done:
                    continue
                opcode, payload = reading.result()
                if opcode == 0x8:
                    writer.write(frame(0x8, payload[:2]))
                    code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                    return f"close {code} ({payload[2:].decode(errors='replace')})"
                if opcode == 0x9:
                    writer.write(frame(0xA, payload))
                else:
                    self.echoes += 1
                    waiting = None
                reading = asyncio.ensure_future(read_frame(reader))
        except asyncio.IncompleteReadError:
            return "an end without a Close frame"
        except OSError as error:
            return f"{type(error).__name__} {error}"
        finally:
            reading.cancel()

    def end(self):
        """Those that are open leave."""
        self.running = False
        for task in self.tasks:
            task.result(2 * TIMEOUT)
