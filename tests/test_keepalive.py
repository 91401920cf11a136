"""Keep-alive comments: when they are sent, and when not."""

from __future__ import annotations

import asyncio

import fastapi.routing
import pytest

import eventwire.fastapi
from asgi import Wire, until
from eventwire import EventSourceResponse

PING = b": ping\n\n"


pytestmark = pytest.mark.usefixtures("kind")


class Fast(EventSourceResponse):
    """Pings every 30 ms."""

    ping_interval = 0.03


def start(generator, wire):
    return asyncio.create_task(Fast(generator)(wire.scope, wire.receive, wire.send))


def test_an_idle_stream_gets_a_comment_after_the_interval():
    """The generator is not disturbed: nothing is lost or doubled."""

    async def main():
        wire = Wire()

        async def generator():
            yield 1
            await asyncio.sleep(0.15)
            yield 2

        await start(generator(), wire)
        return wire

    wire = asyncio.run(main())
    assert 3 <= wire.bodies.count(PING) <= 5
    assert wire.body.replace(PING, b"") == b"data: 1\n\ndata: 2\n\n"


def test_the_interval_begins_with_the_response():
    """Not before its start has been sent, however long that took."""

    async def main():
        wire = Wire()

        async def generator():
            await asyncio.sleep(0.015)
            yield 1

        async def slow(message):
            if message["type"] == "http.response.start":
                await asyncio.sleep(0.04)

        wire.on_send = slow
        await start(generator(), wire)
        assert wire.body == b"data: 1\n\n"

    asyncio.run(main())


def test_only_idle_time_counts():
    """A stream with events more often than the interval gets no comment."""

    async def main():
        wire = Wire()

        async def generator():
            for number in range(12):
                yield number
                await asyncio.sleep(0.01)

        await start(generator(), wire)
        return wire

    assert PING not in asyncio.run(main()).bodies


def test_a_stream_without_any_event_yet_is_kept_alive():
    """The wait for the first event counts."""

    async def main():
        wire = Wire()

        async def generator():
            await asyncio.sleep(0.1)
            yield 1

        await start(generator(), wire)
        return wire

    assert asyncio.run(main()).body.startswith(PING)


def test_no_comment_while_a_send_is_blocked():
    """A client that does not read gets no heap of comments."""

    async def main():
        wire = Wire()

        async def generator():
            yield 1
            await asyncio.Event().wait()

        task = start(generator(), wire)
        await until(lambda: wire.body)
        wire.block()
        await asyncio.sleep(0.2)
        assert wire.in_flight == 1
        wire.unblock()
        await until(lambda: PING in wire.bodies)
        assert wire.bodies.count(PING) <= 2
        wire.leave()
        await task

    asyncio.run(main())


def test_no_comment_after_the_end():
    """Nothing follows the final message, whatever the timing."""

    async def one(delay):
        wire = Wire()

        async def generator():
            yield 1
            await asyncio.sleep(delay)

        await start(generator(), wire)
        assert wire.ended
        count = len(wire.messages)
        await asyncio.sleep(0.05)
        assert len(wire.messages) == count

    async def main():
        await asyncio.gather(*(one(0.025 + n / 10_000) for n in range(100)))

    asyncio.run(main())


@pytest.mark.parametrize("late", [False, True])
def test_a_comment_that_cannot_be_sent_ends_the_stream(late):
    """The timer's callback has no caller: its error is the stream's."""

    async def main():
        wire, closed = Wire(), []

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                closed.append(1)

        async def fail(message):
            if message.get("body") == PING:
                if late:
                    await asyncio.sleep(0)
                raise RuntimeError("transport")

        wire.on_send = fail
        with pytest.raises(RuntimeError, match="transport"):
            await asyncio.wait_for(start(generator(), wire), 1)
        assert closed == [1]

    asyncio.run(main())


def test_the_interval_is_15_seconds():
    """On Starlette's routes; on FastAPI's it is FastAPI's own."""
    assert EventSourceResponse(iter(()))._ping_interval() == 15.0
    assert fastapi.routing._PING_INTERVAL == 15.0


@pytest.mark.parametrize(("interval", "expected"), [(0.03, True), (None, False)])
def test_a_patched_interval_of_fastapi_is_honoured(serve, monkeypatch, interval, expected):
    """It is read when a stream starts; None is off."""
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", interval)
    app = fastapi.FastAPI()

    @app.get("/", response_class=eventwire.fastapi.EventSourceResponse)
    async def stream():
        yield 1
        await asyncio.sleep(0.1)
        yield 2

    reply = serve(app).request("/")
    assert (PING in reply.body) is expected
    assert reply.body.replace(PING, b"") == b"data: 1\n\ndata: 2\n\n"
