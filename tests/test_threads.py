"""Sync iterators in worker threads."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time

import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi import Wire, until
from eventwire import EventSourceResponse
from servers import wait_until


def serve_iterable(serve, make):
    async def endpoint(request):
        return EventSourceResponse(make())

    async def probe(request):
        return PlainTextResponse("here")

    return serve(Starlette(routes=[Route("/", endpoint), Route("/probe", probe)]))


def test_a_sync_generator_runs_off_the_event_loop(serve):
    """The loop's thread answers others while a step blocks."""
    threads, release = set(), threading.Event()

    def generator():
        threads.add(threading.current_thread().name)
        yield 1
        release.wait(5)
        yield 2

    server = serve_iterable(serve, generator)
    with server.open("/") as stream:
        stream.read_until(b"data: 1\n\n")
        assert server.request("/probe").body == b"here"
        release.set()
        stream.read_until(b"data: 2\n\n")
    assert all("AnyIO worker" in name for name in threads)


@pytest.mark.parametrize("make", [lambda: [1, 2], lambda: iter((1, 2)), lambda: range(1, 3)])
def test_any_iterable_is_streamed(serve, make):
    """Lists, iterators and ranges, with or without `close`."""
    reply = serve_iterable(serve, make).request("/")
    assert (reply.body, reply.whole) == (b"data: 1\n\ndata: 2\n\n", True)


def test_close_waits_for_the_step_under_way(serve, caplog):
    """A step cannot be interrupted: `close()` follows it, in a worker, without an error."""
    closed, entered = threading.Event(), threading.Event()

    def generator():
        try:
            yield 1
            entered.set()
            time.sleep(0.3)
            yield 2
        finally:
            closed.set()

    server = serve_iterable(serve, generator)
    with server.open("/") as stream:
        stream.read_until(b"data: 1\n\n")
        entered.wait(2)
    wait_until(closed.is_set, "close()")
    assert not caplog.records


def test_context_variables_of_the_request_are_visible(serve):
    """Each step sees what the endpoint has set."""
    variable = contextvars.ContextVar("variable")

    def generator():
        yield variable.get()

    async def endpoint(request):
        variable.set("of the request")
        return EventSourceResponse(generator())

    server = serve(Starlette(routes=[Route("/", endpoint)]))
    assert server.request("/").body == b'data: "of the request"\n\n'


def test_stop_iteration_ends_and_other_errors_pass(serve, caplog):
    """An iterator's StopIteration is the end, its exception the stream's."""

    class Fails:
        def __iter__(self):
            return self

        def __next__(self):
            raise LookupError("none")

    reply = serve_iterable(serve, Fails).request("/")
    assert (reply.body, reply.whole) == (b"", False)
    wait_until(lambda: caplog.records, "the server's log")
    assert "none" in str(caplog.records[-1].exc_info[1])


def test_a_ready_event_is_not_kept_while_the_next_step_blocks(serve):
    """After a burst, too: what is ready is on the wire before `next()` returns."""
    release = threading.Event()

    def generator():
        yield from range(1000)
        yield "last before the block"
        release.wait(5)
        yield "after"

    server = serve_iterable(serve, generator)
    with server.open("/") as stream:
        stream.read_until(b"last before the block")
        release.set()
        stream.read_until(b"after")


def test_a_burst_of_a_sync_generator_loses_and_reorders_nothing(serve):
    """Slices and sends overlap; the bytes are those of a plain loop."""
    count = 100_000
    reply = serve_iterable(serve, lambda: range(count)).request("/")
    assert reply.whole
    assert reply.body == b"".join(b"data: %d\n\n" % number for number in range(count))


def test_a_slow_reader_stops_a_sync_generator_and_frees_its_thread(serve):
    """While the client does not read no more is produced, and no worker is held."""
    produced, threads = [], set()

    def generator():
        while True:
            produced.append(None)
            threads.add(threading.get_ident())
            yield "x" * 10_000

    async def endpoint(request):
        return EventSourceResponse(generator())

    async def borrowed(request):
        limiter = anyio.to_thread.current_default_thread_limiter()
        return PlainTextResponse(str(limiter.borrowed_tokens))

    server = serve(Starlette(routes=[Route("/", endpoint), Route("/borrowed", borrowed)]))
    with server.open("/") as stream:
        stream.read_until(b"data: ")
        time.sleep(0.5)
        stalled = len(produced)
        assert server.request("/borrowed").body == b"0"
        time.sleep(0.3)
        assert len(produced) == stalled
        for _ in range(2000):
            stream.connection.recv(65536)
            if len(produced) > stalled:
                break
        assert len(produced) > stalled


def test_frames_before_an_error_are_delivered_from_the_middle_of_a_slice(serve, caplog):
    """The slice that fails has gathered frames; they come first."""

    def generator():
        yield from range(500)
        raise LookupError("no more")

    reply = serve_iterable(serve, generator).request("/")
    assert reply.body == b"".join(b"data: %d\n\n" % number for number in range(500))
    assert not reply.whole


def test_frames_gathered_during_a_blocked_send_do_not_wait_for_the_next_step():
    """The end of the send takes them along, while `next()` blocks."""
    release, blocked = threading.Event(), threading.Event()

    def generator():
        yield 1
        blocked.wait(5)
        yield 2
        release.wait(5)
        yield 3

    async def main():
        wire = Wire()

        async def block(message):
            if message.get("body") == b"data: 1\n\n":
                wire.block()
                blocked.set()

        wire.on_send = block
        response = EventSourceResponse(generator())
        task = asyncio.create_task(response(wire.scope, wire.receive, wire.send))
        await until(blocked.is_set)
        await asyncio.sleep(0.02)
        wire.unblock()
        await until(lambda: wire.body == b"data: 1\n\ndata: 2\n\n")
        release.set()
        await task

    asyncio.run(main())


def test_a_file_is_streamed_and_left_open(serve, tmp_path):
    """What is no generator belongs to whoever opened it."""
    path = tmp_path / "log"
    path.write_text("a\nb\n")
    with path.open() as lines:
        reply = serve_iterable(serve, lambda: lines).request("/")
        assert reply.body == b'data: "a\\n"\n\ndata: "b\\n"\n\n'
        assert not lines.closed


@pytest.mark.parametrize("error", [GeneratorExit, StopAsyncIteration])
@pytest.mark.parametrize("wrapped", [False, True], ids=["in slices", "step by step"])
def test_an_exception_that_coroutines_take_for_an_end_is_an_error(error, wrapped):
    """It arrives with its message, outside of the coroutines between; the thread is given back."""

    def generator():
        yield 1
        raise error("not the end")

    async def main():
        response = EventSourceResponse(generator())
        if wrapped:  # as code does that looks at each frame
            frames = response.body_iterator
            response.body_iterator = (frame async for frame in frames)
        wire = Wire()
        with pytest.raises(BaseException) as caught:
            await response(wire.scope, wire.receive, wire.send)
        assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
        assert (wire.body, wire.ended) == (b"data: 1\n\n", False)
        return caught.value

    raised = asyncio.run(main())
    if error is StopAsyncIteration:
        assert type(raised) is RuntimeError
        raised = raised.__cause__
    assert (type(raised), str(raised)) == (error, "not the end")


def test_busy_streams_take_turns_on_one_thread():
    """A thread is back in its pool after each slice, however much there is to come."""

    def endless(closed):
        try:
            yield from itertools.repeat(1)
        finally:
            closed.append(1)

    async def main():
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        wires, closed = [Wire(), Wire()], []
        tasks = [
            asyncio.create_task(
                EventSourceResponse(endless(closed))(wire.scope, wire.receive, wire.send)
            )
            for wire in wires
        ]
        for _ in range(3):
            sent = [len(wire.messages) for wire in wires]
            for wire, before in zip(wires, sent, strict=True):
                await until(lambda wire=wire, before=before: len(wire.messages) > before)
        for wire in wires:
            wire.leave()
        await asyncio.wait_for(asyncio.gather(*tasks), 1)
        assert closed == [1, 1]

    asyncio.run(main())


def test_a_burst_wakes_the_loop_now_and_then_and_not_for_each_event():
    """A consumer that is busy comes back by itself."""
    events = 20_000

    async def main():
        loop, wire, wakes = asyncio.get_running_loop(), Wire(), []
        wake = loop.call_soon_threadsafe

        def counted(*arguments, **options):
            wakes.append(1)
            return wake(*arguments, **options)

        loop.call_soon_threadsafe = counted
        await EventSourceResponse(range(events))(wire.scope, wire.receive, wire.send)
        assert wire.ended
        assert len(wakes) < events / 10

    asyncio.run(main())


def test_the_cleanup_of_a_sync_generator_sees_the_context_of_the_request():
    """`close()` runs in a worker, too."""
    variable, seen = contextvars.ContextVar("variable"), []

    def generator():
        try:
            yield from itertools.repeat(1)
        finally:
            seen.append((variable.get(), threading.current_thread() is threading.main_thread()))

    async def main():
        variable.set("of the request")
        wire = Wire()
        response = EventSourceResponse(generator())
        task = asyncio.create_task(response(wire.scope, wire.receive, wire.send))
        await until(lambda: wire.body)
        wire.leave()
        await task

    asyncio.run(main())
    assert seen == [("of the request", False)]


@pytest.mark.parametrize("fate", ["leave", "cancel"])
def test_an_error_of_a_sync_generators_cleanup_is_raised(fate):
    """As an async one's is, bare."""

    def generator():
        try:
            yield 1
            yield from itertools.repeat(2)
        finally:
            raise LookupError("cleanup")

    async def main():
        wire = Wire()
        response = EventSourceResponse(generator())
        task = asyncio.create_task(response(wire.scope, wire.receive, wire.send))
        await until(lambda: wire.body)
        if fate == "cancel":
            task.cancel()
        elif fate == "leave":
            wire.leave()
        with pytest.raises(LookupError, match="cleanup"):
            await asyncio.wait_for(task, 1)
        assert not wire.ended

    asyncio.run(main())


@pytest.mark.parametrize("coalesce", [True, False])
def test_the_shared_buffer_is_bounded_while_a_send_is_blocked(coalesce):
    """No more than 64 KiB and an item are taken ahead, and no thread waits for the client."""
    item, produced = "x" * 1000, []

    def generator():
        while True:
            produced.append(1)
            yield item

    async def main():
        wire = Wire()
        limiter = anyio.to_thread.current_default_thread_limiter()

        async def block(message):
            if message["type"] == "http.response.body":
                wire.block()

        wire.on_send = block
        response = EventSourceResponse(generator(), coalesce=coalesce)
        task = asyncio.create_task(response(wire.scope, wire.receive, wire.send))
        await until(lambda: wire.in_flight and not limiter.borrowed_tokens)
        await asyncio.sleep(0.02)
        assert limiter.borrowed_tokens == 0
        # What is being sent, and what has gathered behind it.
        assert len(produced) <= 2 * (64 * 1024 // len(item) + 1)
        wire.leave()
        await asyncio.wait_for(task, 0.25)

    asyncio.run(main())
