"""Sync iterators in worker threads."""

from __future__ import annotations

import contextvars
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

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
