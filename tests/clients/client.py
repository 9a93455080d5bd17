"""A client of weir over websockets; support.mjs says what it reads and prints."""

import asyncio
import json
import os
import ssl
import sys

import websockets


def tell(**report):
    print(json.dumps(report), flush=True)


async def talk(order, trust):
    """Prints what ended the connection."""
    name = order["name"]
    connection = None
    try:
        secure = trust if order["url"].startswith("wss:") else None
        # Pings of its own would keep an idle tunnel alive.
        connection = await websockets.connect(order["url"], ssl=secure, ping_interval=None)
        await connection.send("hello")
        await connection.recv()
        tell(name=name, event="open")
        if "say" in order:
            await connection.send(order["say"])
        if "close" in order:
            await connection.close(order["close"]["code"], order["close"]["reason"])
        while True:
            await connection.recv()
    except websockets.ConnectionClosed:
        tell(name=name, event="closed", code=connection.close_code, reason=connection.close_reason)
    except (OSError, websockets.WebSocketException) as problem:
        tell(name=name, event="failed", reason=str(problem))


async def main():
    trust = ssl.create_default_context(cafile=sys.argv[1])
    talks = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        talks.add(asyncio.create_task(talk(json.loads(line), trust)))


os.environ["no_proxy"] = "localhost"  # newer versions of the library heed proxies
asyncio.run(main())
