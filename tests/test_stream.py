"""The life of one stream: disconnect, errors, end, on a real uvicorn."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import time
from typing import TYPE_CHECKING

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.routing import Route

from eventwire import EventSourceResponse, ServerSentEvent
from servers import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLEANUP = 0.25
"""Seconds within which a generator is closed after its client has left."""


def app(endpoint: Callable[..., object], **options: object) -> Starlette:
    async def stream(request):
        return EventSourceResponse(endpoint(), **options)

    return Starlette(routes=[Route("/", stream)])


@pytest.fixture
def no_gc() -> Iterator[None]:
    """Cleanup must not depend on the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Closed:
    """Counts how often a generator's `finally` ran, and when."""

    def __init__(self):
        self.count = 0
        self.at = 0.0

    def __call__(self) -> None:
        self.count += 1
        self.at = time.monotonic()

    def soon_after(self, since: float) -> None:
        wait_until(lambda: self.count, "the generator's finally")
        assert self.at - since < CLEANUP
        time.sleep(0.05)
        assert self.count == 1


async def idle(closed):
    try:
        yield 1
        await asyncio.Event().wait()
    finally:
        closed()


async def between_yields(closed):
    try:
        while True:
            yield 1
            await asyncio.sleep(0)
    finally:
        closed()


async def never_awaits(closed):
    try:
        while True:
            yield 1
    finally:
        closed()


async def blocked_in_send(closed):
    try:
        while True:
            yield "x" * 65536
    finally:
        closed()


async def nested(closed):
    async def inner():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed()

    async with anyio.create_task_group():
        generator = inner()
        try:
            async for item in generator:
                yield item
        finally:
            await generator.aclose()


async def swallows_cancellation(closed):
    try:
        while True:
            try:
                yield 1
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                yield 2
    finally:
        closed()


def sync_idle(closed):
    try:
        while True:
            yield 1
            time.sleep(0.02)
    finally:
        closed()


@pytest.mark.parametrize(
    "endpoint",
    [
        idle,
        between_yields,
        never_awaits,
        blocked_in_send,
        nested,
        swallows_cancellation,
        sync_idle,
    ],
)
def test_a_client_that_leaves_closes_the_generator_at_once(serve, no_gc, caplog, endpoint):
    """The `finally` runs within 250 ms, once, without the garbage collector, and quietly."""
    closed = Closed()
    server = serve(app(lambda: endpoint(closed)))
    with server.open("/") as stream:
        stream.read_until(b"data: ")
        if endpoint is blocked_in_send:
            time.sleep(0.3)
        left = time.monotonic()
    closed.soon_after(left)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_reset_connection_closes_the_generator(serve, no_gc):
    """A client that vanishes with a reset is noticed like one that closes."""
    closed = Closed()
    server = serve(app(lambda: idle(closed)))
    with server.open("/") as stream:
        stream.read_until(b"data: 1\n\n")
        stream.connection.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER 0
        left = time.monotonic()
    closed.soon_after(left)


def test_the_cleanup_of_a_generator_may_await(serve):
    """Awaits in `finally` finish before the background task runs, after a disconnect too."""
    events = []

    async def generator():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            events.append("finally")

    server = serve(app(generator, background=BackgroundTask(events.append, "background")))
    with server.open("/") as stream:
        stream.read_until(b"data: 1\n\n")
    wait_until(lambda: len(events) == 2, "the background task")
    assert events == ["finally", "background"]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_an_error_delivers_what_was_yielded_and_cuts_the_body(serve, caplog, kind):
    """The exception reaches the server bare, after the events before it, without a clean end."""

    async def fails():
        yield 1
        yield 2
        raise LookupError("no more")

    def fails_too():
        yield 1
        yield 2
        raise LookupError("no more")

    server = serve(app(fails if kind == "async" else fails_too))
    reply = server.request("/")
    assert reply.body == b"data: 1\n\ndata: 2\n\n"
    assert not reply.whole
    wait_until(lambda: caplog.records, "the server's log")
    errors = [r.exc_info[1] for r in caplog.records if r.levelno >= logging.ERROR]
    assert [type(error) for error in errors] == [LookupError]


def test_an_item_that_cannot_be_encoded_closes_the_generator_and_cuts_the_body(serve, caplog):
    """Encoding fails in the pump: the generator is closed, earlier events are delivered."""
    closed = Closed()

    async def generator():
        try:
            yield 1
            yield object()
            yield 3
        finally:
            closed()

    reply = serve(app(generator)).request("/")
    assert (reply.body, reply.whole) == (b"data: 1\n\n", False)
    assert closed.count == 1
    wait_until(lambda: caplog.records, "the server's log")
    assert "PydanticSerializationError" in str(caplog.records[-1].exc_info)


def test_an_illegal_event_leaves_no_partial_frame(serve, caplog):
    """An event that turns out illegal when it is written stops the stream before it."""

    class Lying(str):
        __slots__ = ()

        def __contains__(self, _: str) -> bool:
            return False

    async def generator():
        yield ServerSentEvent(data=1)
        yield ServerSentEvent(data=2, event="ok", id=Lying("1\n\ndata: forged"))

    reply = serve(app(generator)).request("/")
    assert (reply.body, reply.whole) == (b"data: 1\n\n", False)


def test_a_handled_exception_after_the_start_is_starlettes_runtime_error(serve, caplog):
    """An HTTPException cannot become a response any more: what every Starlette response does."""

    async def generator():
        yield 1
        raise HTTPException(404)

    reply = serve(app(generator)).request("/")
    assert (reply.status, reply.body, reply.whole) == (200, b"data: 1\n\n", False)
    wait_until(lambda: caplog.records, "the server's log")
    assert "response already started" in str(caplog.records[-1].exc_info[1])


def test_one_task_and_one_context_from_the_first_step_to_the_close(serve):
    """Context variables, task groups, timeouts and locks may span yields."""
    variable = contextvars.ContextVar("variable", default=0)
    seen = []
    lock = asyncio.Lock()

    async def generator():
        variable.set(1)
        task = asyncio.current_task()
        try:
            async with lock, anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
                with anyio.fail_after(5):
                    yield 1
                    await asyncio.sleep(0.01)
                    yield 2
                    variable.set(variable.get() + 1)
                    yield 3
        finally:
            seen.append((variable.get(), asyncio.current_task() is task))

    server = serve(app(generator))
    assert server.request("/").whole
    with server.open("/") as stream:
        stream.read_until(b"data: 1\n\n")
    wait_until(lambda: len(seen) == 2, "the second stream's end")
    assert seen[0] == (2, True)
    assert seen[1][1]


def test_a_timeout_around_a_wait_inside_the_generator_works(serve):
    """The generator is cancelled by its own timeout and goes on."""

    async def generator():
        for _ in range(2):
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()
            except TimeoutError:
                yield "timeout"
        with anyio.move_on_after(0.01):
            await anyio.sleep(5)
        yield "moved on"

    reply = serve(app(generator)).request("/")
    assert reply.body == b'data: "timeout"\n\ndata: "timeout"\n\ndata: "moved on"\n\n'
    assert reply.whole


def test_the_first_event_leaves_before_a_generator_blocks_the_loop(serve):
    """An event is on the wire even if the generator's next step holds the loop."""
    go_on = threading.Event()

    async def generator():
        yield "first"
        go_on.wait(5)
        yield "second"

    server = serve(app(generator))
    with server.open("/") as stream:
        stream.read_until(b'data: "first"\n\n')
        go_on.set()
        stream.read_until(b'data: "second"\n\n')


def test_other_requests_are_answered_while_a_generator_never_awaits(serve):
    """A generator without an await does not own the loop."""

    async def probe(request):
        return EventSourceResponse(iter(()))

    async def busy(request):
        async def generator():
            while True:
                yield "busy"

        return EventSourceResponse(generator())

    server = serve(Starlette(routes=[Route("/busy", busy), Route("/probe", probe)]))
    stop = threading.Event()

    def read(stream) -> None:
        while not stop.is_set():
            stream.connection.recv(1 << 20)

    with server.open("/busy") as stream:
        reader = threading.Thread(target=read, args=(stream,))
        reader.start()
        try:
            for _ in range(5):
                assert server.request("/probe").whole
        finally:
            stop.set()
            reader.join()


def test_a_slow_reader_stops_the_generator(serve):
    """Nothing is pulled from the generator while the client does not read."""
    produced = 0

    async def generator():
        nonlocal produced
        while True:
            produced += 1
            yield "x" * 10_000
            await asyncio.sleep(0)

    server = serve(app(generator))
    with server.open("/") as stream:
        stream.read_until(b"data: ")
        time.sleep(0.5)
        stalled = produced
        time.sleep(0.5)
        assert produced == stalled
        stream.connection.recv(1)
        for _ in range(2000):
            stream.connection.recv(65536)
            if produced > stalled:
                break
        assert produced > stalled


def test_an_iterator_that_is_not_a_generator_is_streamed(serve):
    """Anything with `__aiter__` will do, whatever awaitable `__anext__` returns."""

    class Ready:
        def __init__(self, value):
            self.value = value

        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return self.value

    class Numbers:
        def __init__(self):
            self.count = 0

        def __aiter__(self):
            return self

        def __anext__(self):
            self.count += 1
            if self.count > 3:
                raise StopAsyncIteration
            return Ready(self.count)

    reply = serve(app(Numbers)).request("/")
    assert (reply.body, reply.whole) == (b"data: 1\n\ndata: 2\n\ndata: 3\n\n", True)


def test_a_memory_stream_is_streamed_and_closed(serve):
    """Anyio's receive stream is iterated; its sender learns when the client has left."""
    broken = threading.Event()

    async def endpoint(request):
        sender, receiver = anyio.create_memory_object_stream(1)

        async def produce():
            try:
                async with sender:
                    while True:
                        await sender.send("tick")
                        await asyncio.sleep(0.01)
            except anyio.BrokenResourceError:
                broken.set()

        request.app.state.task = asyncio.create_task(produce())
        return EventSourceResponse(receiver)

    server = serve(Starlette(routes=[Route("/", endpoint)]))
    with server.open("/") as stream:
        stream.read_until(b'data: "tick"\n\n')
    assert broken.wait(2)
