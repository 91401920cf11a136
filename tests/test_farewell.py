"""The farewell of streams whose server stops: where it stands, and that its end is clean."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import eventwire
from asgi import run, until
from eventwire import ServerSentEvent, _shutdown, _stream
from streams import idle, opened, sync_idle

BYE = ServerSentEvent(event="bye")


async def bye():
    await asyncio.sleep(0.01)
    return BYE


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("endpoint", [idle, sync_idle])
@pytest.mark.parametrize("farewell", [lambda: BYE, bye], ids=["sync", "async"])
@pytest.mark.parametrize("grace_period", [0, 0.05])
def test_after_a_farewell_the_body_ends_cleanly(endpoint, farewell, grace_period):
    """Behind what was yielded before; the generator is closed all the same."""

    async def main():
        events = []
        options = {"shutdown_grace_period": grace_period, "farewell": farewell}
        wire, task = await opened(endpoint(events), **options)
        await eventwire.drain()
        await task
        assert events == ["closed"]
        assert wire.ended
        before, farewell_event, after = wire.body.partition(b"event: bye\n\n")
        assert farewell_event
        assert set(before.split(b"\n\n")) == {b"data: 1", b""}
        if grace_period == 0:
            assert after == b""

    run(main)


def test_nothing_that_a_sync_generator_yields_meanwhile_follows_the_farewell():
    """Its worker thread notices a moment later that it is to stop."""

    async def main():
        go_on = threading.Event()

        def generator():
            yield 1
            go_on.wait(5)
            while True:
                yield 2

        wire, task = await opened(generator(), farewell=lambda: BYE)
        (streams,) = _shutdown._open.values()
        streams._drain()
        go_on.set()
        time.sleep(0.05)  # the loop stands still; the worker thread does not
        await task
        assert (wire.body, wire.ended) == (b"data: 1\n\nevent: bye\n\n", True)

    run(main)


def test_a_farewell_is_an_item_like_any_of_its_stream():
    """Bytes are a frame; anything else is JSON, in an encoder's own dialect."""

    async def main():
        for item, frame in ((b": bye\n\n", b": bye\n\n"), ({"a": 1}, b'data: {"a":1}\n\n')):
            wire, task = await opened(idle([]), farewell=lambda item=item: item)
            await eventwire.drain()
            await task
            assert wire.body == b"data: 1\n\n" + frame
            assert wire.ended

    run(main)


def test_a_farewell_may_tell_the_generator_instead_of_the_client():
    """None sends nothing: the end is clean only if the generator makes it so."""

    async def main():
        stop = asyncio.Event()

        async def asks():
            yield 1
            await stop.wait()
            yield 2

        wire, task = await opened(asks(), shutdown_grace_period=1, farewell=stop.set)
        await eventwire.drain()
        await task
        assert wire.body == b"data: 1\n\ndata: 2\n\n"
        assert wire.ended
        wire, task = await opened(idle([]), farewell=lambda: None)
        await eventwire.drain()
        await task
        assert not wire.ended

    run(main)


async def fails_later():
    raise LookupError("later")


def fails_now():
    raise LookupError("now")


@pytest.mark.parametrize("farewell", [fails_now, fails_later, object])
def test_a_farewell_that_fails_is_logged_and_the_body_is_cut(farewell, caplog):
    """Other streams, and the server, end all the same; so does one that cannot be encoded."""

    async def main():
        wire, task = await opened(idle([]), farewell=farewell)
        other, second = await opened(idle([]))
        await eventwire.drain()
        await asyncio.gather(task, second)
        assert not wire.ended
        assert not other.ended

    run(main)
    (record,) = caplog.records
    assert "farewell" in record.getMessage()
    assert record.exc_info


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("reads_again", [True, False])
def test_a_slow_client_gets_the_farewell_if_it_reads_in_time(reads_again, monkeypatch):
    """In order, behind what was in flight; a client that does not read is cut."""
    monkeypatch.setattr(_stream, "CLOSING_TIME", 0.5 if reads_again else 0.1)

    async def main():
        go_on, events = asyncio.Event(), []

        async def generator():
            try:
                yield 1
                await go_on.wait()
                yield 2
                await asyncio.sleep(0)
                yield 3
                await asyncio.Event().wait()
            finally:
                events.append("closed")

        wire, task = await opened(generator(), farewell=lambda: BYE)
        wire.block()
        go_on.set()
        await until(lambda: wire.in_flight)
        await asyncio.sleep(0.01)
        draining = asyncio.create_task(eventwire.drain())
        await until(lambda: events)  # before the client reads
        if reads_again:
            wire.unblock()
        await asyncio.wait_for(draining, 0.4)
        await task
        assert wire.ended is reads_again
        if reads_again:
            assert wire.body == b"data: 1\n\ndata: 2\n\ndata: 3\n\nevent: bye\n\n"

    run(main)


def test_nothing_that_the_cleanup_yields_follows_the_farewell():
    """It is the last event, whatever the generator does when it is closed."""

    async def main():
        async def stubborn():
            try:
                yield 1
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield 2

        wire, task = await opened(stubborn(), farewell=lambda: BYE)
        await eventwire.drain()
        await task
        assert wire.body == b"data: 1\n\nevent: bye\n\n"
        assert wire.ended

    run(main)
