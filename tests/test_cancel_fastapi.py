"""A generator's own timeout around its yields: where fastapi.sse's stream dies, ours goes on."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time

import anyio
import fastapi
import fastapi.sse
import pytest

import eventwire.fastapi
from asgi import Wire, start, until

SOON = 0.01


def its_own_timeout(timeout, seconds=0.0):
    """Return the endpoint of an SSE route whose generator has a timeout around its yields.

    Each of its steps takes so many seconds, without waiting.
    """

    async def endpoint():
        try:
            async with timeout():
                for number in range(20):
                    time.sleep(seconds)
                    yield number
                await asyncio.sleep(5)
        except TimeoutError:
            yield "late"

    return endpoint


@contextlib.asynccontextmanager
async def fail_after():
    with anyio.fail_after(SOON):
        yield


async def answered(response_class, endpoint, blocked):
    """Return the answer to a request whose client does not read until the timeout is over."""
    app, wire = fastapi.FastAPI(), Wire()
    app.get("/", response_class=response_class)(endpoint)

    async def block(message):
        if blocked in message.get("body", b""):
            wire.block()

    wire.on_send = block
    task = start(app, wire)
    await until(lambda: wire.in_flight)
    await asyncio.sleep(3 * SOON)
    wire.unblock()
    with contextlib.suppress(Exception):
        await asyncio.wait_for(task, 2)
    return wire


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("timeout", [lambda: asyncio.timeout(SOON), fail_after])
@pytest.mark.parametrize("blocked", [b"data: 0\n", b"data: 1\n"])
@pytest.mark.parametrize("seconds", [0.0, 0.0005], ids=["in one budget", "in many budgets"])
def test_a_generator_survives_its_own_timeout_while_the_client_does_not_read(
    timeout, blocked, seconds
):
    """The timeout acts where the generator waits, and is the generator's to catch."""

    async def main():
        endpoint = its_own_timeout(timeout, seconds)
        wire = await answered(eventwire.fastapi.EventSourceResponse, endpoint, blocked)
        numbers = b"".join(b"data: %d\n\n" % number for number in range(20))
        assert wire.body == numbers + b'data: "late"\n\n'
        assert wire.ended

    asyncio.run(main())


# The generator, left to the collector, fails to leave anyio's scope in another task.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("timeout", [lambda: asyncio.timeout(SOON), fail_after])
@pytest.mark.parametrize("blocked", [b"data: 0\n", b"data: 1\n"])
def test_fastapis_stream_dies_of_the_timeout_of_its_generator(timeout, blocked):
    """What the row of the README's table says of fastapi.sse."""

    async def main():
        wire = await answered(fastapi.sse.EventSourceResponse, its_own_timeout(timeout), blocked)
        assert b"late" not in wire.body
        assert not wire.ended

    asyncio.run(main())
    gc.collect()
