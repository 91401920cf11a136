"""What a generator holds across its yields is put down where it was taken up."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import time

import anyio
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route

import eventwire.fastapi
from asgi import Wire, start, until
from eventwire import EventSourceResponse, drain
from servers import wait_until

SPAN = contextvars.ContextVar("span", default=None)


class Tracer:
    """Spans as OpenTelemetry has them: attached by a token, which one context alone can detach."""

    def __init__(self):
        self.ended = []

    @contextlib.contextmanager
    def span(self, name):
        token = SPAN.set(name)
        try:
            yield
        finally:
            SPAN.reset(token)  # ValueError in another context
            self.ended.append(name)


class Holder:
    """Its generator holds a task group, a deadline, a span, a lock; `ends` is how each ended."""

    def __init__(self):
        self.tracer = Tracer()
        self.lock = asyncio.Lock()
        self.ends = []

    async def generator(self, end):
        task = asyncio.current_task()
        try:
            async with anyio.create_task_group() as group, self.lock:
                group.start_soon(anyio.sleep_forever)
                with anyio.fail_after(20), self.tracer.span(end):
                    yield 1
                    await anyio.sleep(0.01)
                    assert SPAN.get() == end
                    yield 2
                    if end == "error":
                        raise KeyError("the generator's own")
                    if end == "disconnect":
                        await anyio.sleep_forever()
                    while end == "blocked":
                        yield "x" * 100_000
                    yield 3
                group.cancel_scope.cancel()
        except BaseException as error:
            self.ends.append((end, type(error).__name__))
            raise
        else:
            self.ends.append((end, None))
        finally:
            assert asyncio.current_task() is task
            assert SPAN.get() is None


def starlette_app(holder):
    async def endpoint(request):
        return EventSourceResponse(holder.generator(request.path_params["end"]))

    return Starlette(routes=[Route("/{end}", endpoint)])


def fastapi_app(holder):
    app = FastAPI()

    @app.get("/{end}", response_class=eventwire.fastapi.EventSourceResponse)
    async def endpoint(end: str):
        async with contextlib.aclosing(holder.generator(end)) as generator:
            async for item in generator:
                yield item

    return app


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
def test_scopes_spans_and_locks_across_yields_end_cleanly_however_the_stream_ends(
    serve, make, caplog
):
    """Finish, error, a client that leaves in an await or at a yield: in the task they began in."""
    holder = Holder()
    server = serve(make(holder))
    gc.disable()
    try:
        for _ in range(3):
            finish = server.request("/finish")
            assert (finish.body, finish.whole) == (b"data: 1\n\ndata: 2\n\ndata: 3\n\n", True)
            error = server.request("/error")
            assert (error.body, error.whole) == (b"data: 1\n\ndata: 2\n\n", False)
            caplog.clear()
            for end in ("disconnect", "blocked"):
                before = len(holder.ends)
                with server.open(f"/{end}") as stream:
                    stream.read_until(b"data: 2\n\n")
                    time.sleep(0.2 if end == "blocked" else 0)
                wait_until(lambda before=before: len(holder.ends) > before, "the end", 5)
            time.sleep(0.05)
            assert [record.getMessage() for record in caplog.records] == []
    finally:
        gc.enable()
    assert holder.ends == 3 * [
        ("finish", None),
        ("error", "ExceptionGroup"),  # the task group's own, as in any generator
        ("disconnect", "CancelledError"),
        ("blocked", "BaseExceptionGroup"),
    ]
    assert holder.tracer.ended == 3 * ["finish", "error", "disconnect", "blocked"]
    assert not holder.lock.locked()


def test_two_streams_may_take_turns_with_one_lock(serve):
    """A lock that a left stream held is free for the next one."""
    holder = Holder()
    server = serve(starlette_app(holder))
    with server.open("/disconnect") as first:
        first.read_until(b"data: 2\n\n")
        with server.open("/finish") as second:
            first.connection.close()
            assert second.read_all().whole
    wait_until(lambda: len(holder.ends) == 2, "both ends")
    assert [end for end, _ in holder.ends] == ["disconnect", "finish"]


async def anyio_group():
    async with anyio.create_task_group(), anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        yield "x" * 100_000


async def asyncio_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        yield "x" * 100_000


async def failing_child():
    async def fail():
        try:
            await asyncio.sleep(60)
        finally:
            raise KeyError("the child's own")

    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        await asyncio.sleep(0)
        yield "x" * 100_000


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("make", [anyio_group, asyncio_group, failing_child])
@pytest.mark.parametrize("fate", ["leaves", "drains", "cannot be encoded"])
def test_a_task_group_that_is_closed_at_a_yield_raises_its_childrens_errors_alone(make, fate):
    """The group with nothing but the `GeneratorExit` of the close in it is no error."""

    async def generator():
        async with contextlib.aclosing(make()) as items:
            async for item in items:
                yield 1
                yield object() if fate == "cannot be encoded" else item

    async def main():
        wire = Wire()

        async def block(message):
            if b"data: 1" not in message.get("body", b"data: 1"):
                wire.block()

        wire.on_send = block
        task = start(EventSourceResponse(generator()), wire)
        if fate != "cannot be encoded":
            await until(lambda: wire.in_flight and b"data: 1" in wire.body)
            await (drain() if fate == "drains" else asyncio.sleep(0))
            wire.leave()
        await asyncio.wait([task], timeout=2)
        assert not wire.ended
        assert wire.body == b"data: 1\n\n"
        return task.exception()

    error = asyncio.run(main())
    if fate == "cannot be encoded":
        assert "object" in str(error)
    elif make is failing_child:
        assert isinstance(error, BaseExceptionGroup)
        assert error.subgroup(KeyError) is not None
    else:
        assert error is None
