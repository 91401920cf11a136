"""The end of streams whose server stops, in-process: what ends cleanly and what is cut."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest
import trio
import uvloop
from starlette.background import BackgroundTask

import eventwire
from asgi import Wire, items_of, run, start, until
from eventwire import EventSourceResponse, ServerSentEvent, _shutdown, _stream
from streams import idle, opened, response, sync_idle

BYE = ServerSentEvent(event="bye")


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    """After every test: all streams have been taken out."""
    yield
    assert not _shutdown._open


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("endpoint", [idle, sync_idle])
def test_a_drain_closes_generators_at_once_and_cuts_their_bodies(endpoint):
    """Within 250 ms; the request returns, without error and without a trace of a cancellation."""

    async def main():
        wire, events = Wire(), []

        async def handler():
            answer = EventSourceResponse(
                endpoint(events), background=BackgroundTask(events.append, "background")
            )
            await answer(wire.scope, wire.receive, wire.send)
            return asyncio.current_task().cancelling()

        task = asyncio.create_task(handler())
        await until(lambda: wire.body)
        since = time.monotonic()
        await eventwire.drain()
        assert events[0] == "closed"
        assert await task == 0
        assert time.monotonic() - since < 0.25
        assert events == ["closed", "background"]
        assert not wire.ended

    run(main)


@pytest.mark.usefixtures("kind")
def test_a_generator_that_ends_within_the_grace_period_ends_cleanly():
    """Nothing of it is lost, and nobody waits longer than it takes."""

    async def main():
        async def finite():
            for number in range(5):
                yield number
                await asyncio.sleep(0.01)

        wire, task = await opened(finite(), shutdown_grace_period=5)
        await asyncio.wait_for(eventwire.drain(), 1)
        await task
        assert wire.body == b"".join(b"data: %d\n\n" % number for number in range(5))
        assert wire.ended

    run(main)


def test_a_generator_is_closed_when_its_grace_period_is_over():
    """The longer one of the stream's and the drain's counts; the body is cut."""

    async def main():
        events = []
        quick, first = await opened(idle(events))
        slow, second = await opened(idle(events), shutdown_grace_period=0.2)
        since = time.monotonic()
        draining = asyncio.create_task(eventwire.drain(0.1))
        await first
        assert 0.1 <= time.monotonic() - since < 0.2
        await second
        assert 0.2 <= time.monotonic() - since < 0.4
        await draining
        assert events == ["closed", "closed"]
        assert not quick.ended
        assert not slow.ended

    run(main)


def test_an_error_within_the_grace_period_is_raised_as_ever():
    """A drain hides no failure."""

    async def main():
        async def fails():
            yield 1
            await asyncio.sleep(0.02)
            raise LookupError

        wire, task = await opened(fails(), shutdown_grace_period=1)
        await eventwire.drain()
        with pytest.raises(LookupError):
            await task
        assert not wire.ended

    run(main)


async def bye_much_later():
    await asyncio.sleep(5)
    return BYE


@pytest.mark.parametrize("farewell", [lambda: BYE, bye_much_later], ids=["said", "asked for"])
def test_a_client_that_leaves_within_the_grace_period_is_not_waited_for(farewell):
    """As a farewell may ask it to: its generator is closed at once."""

    async def main():
        events = []
        wire, task = await opened(idle(events), shutdown_grace_period=5, farewell=farewell)
        draining = asyncio.create_task(eventwire.drain())
        await asyncio.sleep(0.01)
        wire.leave()
        await asyncio.wait_for(draining, 0.25)
        await task
        assert events == ["closed"]
        assert not wire.ended

    run(main)


@pytest.mark.parametrize("leaves", [False, True], ids=["listening", "client left before"])
def test_a_generator_that_does_not_end_is_abandoned(leaves, monkeypatch, caplog):
    """After the closing time, not the cleanup timeout, with a warning: the server can go."""
    monkeypatch.setattr(_stream, "CLOSING_TIME", 0.1)

    async def main():
        go_on = asyncio.Event()

        async def stuck():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await go_on.wait()

        wire, task = await opened(stuck(), farewell=lambda: BYE)
        if leaves:
            wire.leave()
            await asyncio.sleep(0.01)
        since = time.monotonic()
        await eventwire.drain()
        await task
        assert 0.1 <= time.monotonic() - since < 0.3
        sent = len(wire.messages)
        assert not wire.ended
        go_on.set()
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert len(wire.messages) == sent

    run(main)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "did not end 0.1 s after" in record.getMessage()


def test_a_server_that_cancels_the_request_within_the_grace_period_closes_the_generator():
    """In the very next steps of the loop: after uvicorn's graceful timeout there are few."""

    async def main():
        events = []
        wire, task = await opened(idle(events), shutdown_grace_period=5, farewell=lambda: BYE)
        draining = asyncio.create_task(eventwire.drain())
        await asyncio.sleep(0.002)
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert events == ["closed"]
        with pytest.raises(asyncio.CancelledError):
            await task
        await draining
        assert not wire.ended

    run(main)


@pytest.mark.usefixtures("kind")
def test_a_stream_that_has_just_ended_by_itself_ends_cleanly():
    """Its final message is waited for, and nothing follows it."""

    async def main():
        wire, final = Wire(), []

        async def block(message):
            if message.get("more_body") is False:
                final.append(message)
                await asyncio.sleep(0.05)

        wire.on_send = block
        task = start(response(items_of([1]), farewell=lambda: BYE), wire)
        await until(lambda: final)
        await eventwire.drain()
        await task
        assert wire.body == b"data: 1\n\n"
        assert len(final) == 1
        assert wire.messages[-1] is final[0]

    run(main)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("farewell", [None, lambda: BYE], ids=["cut", "farewell"])
def test_what_a_sync_generator_has_yielded_before_the_drain_arrives(farewell):
    """Even if the loop has not been told of it yet."""

    async def main():
        go_on, blocked = threading.Event(), threading.Event()

        def generator():
            yield 1
            go_on.wait(5)
            yield 2
            blocked.wait(5)

        wire, task = await opened(generator(), farewell=farewell)
        go_on.set()
        time.sleep(0.05)  # the loop stands still; the worker thread does not
        draining = asyncio.create_task(eventwire.drain())
        draining.add_done_callback(lambda _: blocked.set())
        (streams,) = _shutdown._open.values()
        streams._drain()
        await asyncio.sleep(0.01)
        blocked.set()
        await asyncio.gather(draining, task)
        bye = b"event: bye\n\n" if farewell else b""
        assert wire.body == b"data: 1\n\ndata: 2\n\n" + bye
        assert wire.ended is bool(farewell)

    run(main)


def test_a_receive_that_ends_slowly_is_cancelled_once():
    """A generator that ends in the moment in which it is abandoned leaves no cancellation."""

    async def main():
        wire, go_on = Wire(), asyncio.Event()

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await go_on.wait()

        async def receive():
            try:
                return await wire.receive()
            finally:
                for _ in range(10):
                    await asyncio.sleep(0)

        async def handler():
            await EventSourceResponse(generator())(wire.scope, receive, wire.send)
            return asyncio.current_task().cancelling()

        task = asyncio.create_task(handler())
        await until(lambda: wire.body)
        (streams,) = _shutdown._open.values()
        (stream,) = streams._streams
        stream.drain()
        await asyncio.sleep(0.01)
        stream._give_up()
        go_on.set()
        assert await task == 0

    run(main)


def test_drain_on_shutdown_false_leaves_a_stream_alone():
    """It is not waited for, either."""

    async def main():
        go_on = asyncio.Event()

        async def generator():
            yield 1
            await go_on.wait()
            yield 2

        wire, task = await opened(generator(), drain_on_shutdown=False)
        await asyncio.wait_for(eventwire.drain(), 0.1)
        await asyncio.sleep(0.02)
        assert not task.done()
        go_on.set()
        await task
        assert (wire.body, wire.ended) == (b"data: 1\n\ndata: 2\n\n", True)

    run(main)


def test_a_drain_before_the_start_has_been_sent_never_enters_the_generator():
    """The stream is registered before its start; the farewell waits for that."""

    async def main():
        for farewell, body in ((None, b""), (lambda: BYE, b"event: bye\n\n")):
            wire, entered = Wire(), []

            async def generator(entered=entered):
                entered.append(1)
                yield 1

            wire.block()
            task = start(response(generator(), farewell=farewell), wire)
            await until(lambda wire=wire: wire.in_flight)
            draining = asyncio.create_task(eventwire.drain())
            await asyncio.sleep(0)
            wire.unblock()
            await asyncio.gather(task, draining)
            assert (wire.body, wire.ended) == (body, farewell is not None)
            assert not entered

    run(main)


def test_a_start_that_fails_leaves_nothing_registered():
    """See the fixture."""

    async def main():
        wire = Wire()
        wire.fail(RuntimeError("start"))
        with pytest.raises(RuntimeError, match="start"):
            await start(EventSourceResponse(items_of([1])), wire)

    run(main)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_drain_refuses_a_grace_period_that_is_none(seconds):
    """Negative or endless."""
    with pytest.raises(ValueError, match="grace_period must be finite seconds from 0 on"):
        run(lambda: eventwire.drain(seconds))


def test_a_drained_loop_serves_later_streams():
    """A drain is about the streams that are open."""

    async def main():
        await opened(idle([]))
        await eventwire.drain()
        wire = Wire()
        await start(EventSourceResponse(items_of([1, 2])), wire)
        assert wire.ended

    run(main)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_two_loops_in_two_threads_drain_their_own_streams(loop):
    """Neither notices the other's."""
    drained, checked, events = threading.Event(), threading.Event(), {"one": [], "two": []}

    async def one():
        await opened(idle(events["one"]))
        await eventwire.drain()
        drained.set()
        await asyncio.to_thread(checked.wait, 5)

    async def two():
        wire, task = await opened(idle(events["two"]))
        await asyncio.to_thread(drained.wait, 5)
        assert (events["one"], events["two"]) == (["closed"], [])
        assert not task.done()
        checked.set()
        wire.leave()
        await task

    def in_thread(main):
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=in_thread, args=(one,))
    thread.start()
    try:
        in_thread(two)
    finally:
        checked.set()
        thread.join(5)
    assert not thread.is_alive()


def test_twenty_loops_one_after_the_other():
    """Each has its own streams; a closed loop that left one open does not disturb the next."""

    async def main():
        wire, _ = await opened(idle([]))
        await eventwire.drain()
        assert not wire.ended

    for _ in range(20):
        run(main)
    left = asyncio.new_event_loop()
    _shutdown._open[left] = _shutdown.OpenStreams(left)
    left.close()
    run(main)


def test_on_trio_a_stop_is_not_noticed():
    """Streams are not registered, and `drain()` says that there is no asyncio."""

    async def main():
        answer, wire = response(iter([1]), farewell=lambda: BYE), []

        async def receive():
            await trio.sleep_forever()

        async def send(message):
            wire.append(message)

        await answer({"type": "http", "asgi": {}}, receive, send)
        assert wire[-1]["more_body"] is False
        with pytest.raises(RuntimeError, match="no running event loop"):
            await eventwire.drain()

    trio.run(main)
