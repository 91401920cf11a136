"""Several event loops and servers in one process, one after another and at once."""

from __future__ import annotations

import asyncio
import threading

import trio

from asgi import Wire, scope, start
from eventwire import EventSourceResponse
from servers import Server

FRAMES = b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


async def numbers():
    for number in range(3):
        yield number
        await asyncio.sleep(0.001)


async def stream(content=None):
    wire = Wire()
    await start(EventSourceResponse(content or numbers(), ping_interval=0.0005), wire)
    return wire.body.replace(b": ping\n\n", b"")


def test_twenty_loops_after_each_other():
    """A response may be made before its loop is; nothing is bound to the first loop."""
    for _ in range(20):
        assert asyncio.run(stream(numbers())) == FRAMES


def test_two_loops_in_two_threads_at_once():
    """Each stream belongs to the loop that it runs on."""
    bodies = []

    async def many():
        bodies.extend(await asyncio.gather(*(stream() for _ in range(50))))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert bodies == [FRAMES] * 100


def test_a_server_is_started_and_stopped_three_times():
    """The same application on new loops; a stop of one ends no stream of the next."""

    async def app(scope, receive, send):
        await EventSourceResponse(numbers())(scope, receive, send)

    for _ in range(3):
        with Server(app) as server:
            response = server.request("/")
            assert (response.body, response.whole) == (FRAMES, True)


def test_trio_between_two_loops_of_asyncio():
    """The same class of response."""

    async def plain():
        sent = []

        async def send(message):
            sent.append(message.get("body", b""))

        await EventSourceResponse([0, 1, 2])(scope(), trio.sleep_forever, send)
        return b"".join(sent)

    assert asyncio.run(stream()) == trio.run(plain) == asyncio.run(stream()) == FRAMES
