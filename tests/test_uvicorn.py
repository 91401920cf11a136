"""Streams on uvicorn servers off the main thread: no signal tells of a stop there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route

from eventwire import EventSourceResponse, ServerSentEvent, _uvicorn
from servers import Server, wait_until

STREAMS = 100


class Polite(EventSourceResponse):
    def farewell(self):
        return ServerSentEvent(event="bye")


def app(log, *, response=EventSourceResponse, middleware=0, seconds=0.0):
    async def idle():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            log.append("closed")

    async def stream(request):
        log.append("asked")
        await asyncio.sleep(seconds)
        return response(idle())

    @contextlib.asynccontextmanager
    async def lifespan(_):
        yield
        log.append("lifespan")

    async def passes(request, call_next):
        return await call_next(request)

    return Starlette(
        routes=[Route("/", stream)],
        lifespan=lifespan,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=passes)] * middleware,
    )


def opened(server, stack, count):
    streams = [stack.enter_context(server.open("/")) for _ in range(count)]
    for stream in streams:
        stream.read_until(b"data: 1\n\n")
    return streams


def stop(server):
    """Tell it to stop as its users do; return how many seconds that took."""
    since = time.monotonic()
    server.uvicorn.should_exit = True
    server._thread.join(10)
    return time.monotonic() - since


def test_a_server_in_a_thread_stops_with_100_idle_streams_within_a_second(serve, caplog):
    """Every `finally` and the lifespan's end ran; bodies are cut; uvicorn logs one line each."""
    log = []
    server = serve(app(log), lifespan="on")
    with contextlib.ExitStack() as stack:
        streams = opened(server, stack, STREAMS)
        assert stop(server) < 1
        assert not any(stream.read_all().whole for stream in streams)
    assert log[STREAMS:] == ["closed"] * STREAMS + ["lifespan"]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == STREAMS
    assert {record.getMessage() for record in errors} == {
        "ASGI callable returned without completing response."
    }
    assert not any(record.exc_info for record in errors)


def test_after_a_farewell_uvicorn_logs_nothing(serve, caplog):
    """The body is whole, the connection closed."""
    log = []
    server = serve(app(log, response=Polite), lifespan="on")
    with contextlib.ExitStack() as stack:
        (stream,) = opened(server, stack, 1)
        assert stop(server) < 1
        reply = stream.read_all()
    assert (reply.body, reply.whole) == (b"data: 1\n\nevent: bye\n\n", True)
    assert log == ["asked", "closed", "lifespan"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("layers", [1, 2])
def test_base_http_middleware_does_not_hold_up_the_stop(serve, layers):
    """It runs streams in tasks that are not the server's; every `finally` runs all the same."""
    log = []
    server = serve(app(log, middleware=layers), lifespan="on")
    with contextlib.ExitStack() as stack:
        opened(server, stack, 10)
        assert stop(server) < 1
    assert log[10:] == ["closed"] * 10 + ["lifespan"]


def test_a_stream_that_starts_when_its_server_is_stopping_already_ends_at_once(serve):
    """The endpoint was slow: the stop came before there was a stream to tell of it."""
    log = []
    server = serve(app(log, response=Polite, seconds=0.4), lifespan="on")
    with server.open("/") as stream:
        wait_until(lambda: log, "the request")
        assert stop(server) < 1.4
        reply = stream.read_all()
    assert (reply.status, reply.body, reply.whole) == (200, b"event: bye\n\n", True)
    assert log == ["asked", "lifespan"]


def test_one_servers_stop_does_not_end_the_streams_of_the_next():
    """Started and stopped three times; each stream is its own server's."""
    for _ in range(3):
        log = []
        with (
            Server(app(log), lifespan="on") as first,
            Server(app(other := []), lifespan="on") as second,
            contextlib.ExitStack() as stack,
        ):
            opened(first, stack, 2)
            opened(second, stack, 2)
            assert stop(first) < 1
            assert log == ["asked", "asked", "closed", "closed", "lifespan"]
            assert other == ["asked", "asked"]
            assert stop(second) < 1
            assert other == log


@pytest.mark.parametrize("middleware", [0, 1])
def test_two_servers_on_one_loop_each_end_their_own_streams(middleware):
    """A stream whose server is not known, below a middleware, ends with the last of them."""
    logs = [[], []]
    pair = [Server(app(log, middleware=middleware), lifespan="on", loop="asyncio") for log in logs]

    async def both():
        sockets = [[server._listener] for server in pair]
        await asyncio.gather(*(s.uvicorn.serve(x) for s, x in zip(pair, sockets, strict=True)))

    thread = threading.Thread(target=asyncio.run, args=(both(),), daemon=True)
    thread.start()
    try:
        wait_until(lambda: all(server.uvicorn.started for server in pair), "both servers")
        with contextlib.ExitStack() as stack:
            opened(pair[0], stack, 1)
            opened(pair[1], stack, 1)
            pair[0].uvicorn.should_exit = True
            time.sleep(0.4)
            closed = [] if middleware else ["closed", "lifespan"]
            assert logs == [["asked", *closed], ["asked"]]
            pair[1].uvicorn.should_exit = True
            thread.join(1)
            assert not thread.is_alive()
        assert logs == [["asked", "closed", "lifespan"]] * 2
    finally:
        for server in pair:
            server.uvicorn.should_exit = True
        thread.join(5)


def test_a_successor_on_the_same_loop_is_not_taken_for_the_server_that_stops():
    """While the first still waits for a stream, those of the second one live."""
    slow, log = [], []
    graceful = type("Graceful", (EventSourceResponse,), {"shutdown_grace_period": 1.0})
    first = Server(app(slow, response=graceful, middleware=1), lifespan="off", loop="asyncio")
    second = Server(app(log, middleware=1), lifespan="off", loop="asyncio")

    async def main():
        serving = asyncio.create_task(first.uvicorn.serve([first._listener]))
        await asyncio.to_thread(wait_until, lambda: first.uvicorn.should_exit, "the first's stop")
        await second.uvicorn.serve([second._listener])
        await serving

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    try:
        wait_until(lambda: first.uvicorn.started, "the first server")
        with first.open("/") as open_stream:
            open_stream.read_until(b"data: 1\n\n")
            first.uvicorn.should_exit = True
            wait_until(lambda: second.uvicorn.started, "the second server")
            with second.open("/") as stream:
                stream.read_until(b"data: 1\n\n")
                time.sleep(0.3)
                assert log == ["asked"]
        wait_until(lambda: log == ["asked", "closed"], "the client's leaving")
    finally:
        first.uvicorn.should_exit = second.uvicorn.should_exit = True
        thread.join(5)
    assert not thread.is_alive()


def test_servers_one_after_the_other_on_one_loop_end_their_streams():
    """What was found out about the first is not believed of the second, however soon it starts."""
    log = []
    pair = [Server(app(log), lifespan="off", loop="asyncio") for _ in range(2)]

    async def main():
        for server in pair:
            await asyncio.create_task(server.uvicorn.serve([server._listener]))

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    try:
        for number, server in enumerate(pair):
            wait_until(lambda server=server: server.uvicorn.started, "the server")
            with server.open("/") as stream:
                stream.read_until(b"data: 1\n\n")
                server.uvicorn.should_exit = True
                wait_until(lambda n=number: log == ["asked", "closed"] * (n + 1), "the end", 1)
    finally:
        for server in pair:
            server.uvicorn.should_exit = True
        thread.join(5)
    assert not thread.is_alive()


def test_a_server_class_of_its_own_is_found():
    """A subclass may replace `serve`: it is found by what it calls."""

    class Own(uvicorn.Server):
        async def serve(self, sockets=None):
            await self._serve(sockets)

    found = []

    async def endpoint(request):
        servers = _uvicorn.Servers(asyncio.get_running_loop())
        found.append(servers.of(asyncio.current_task()))
        return EventSourceResponse(iter(()))

    server = Server(Starlette(routes=[Route("/", endpoint)]))
    server.uvicorn.__class__ = Own
    with server:
        server.request("/")
    assert found == [server.uvicorn]


def test_a_server_that_has_stopped_counts_no_more():
    """However it stopped: after so many requests nobody told it to."""

    async def main():
        request, serving = asyncio.current_task(), asyncio.create_task(asyncio.sleep(1))
        await (stopped := asyncio.create_task(asyncio.sleep(0)))
        gone, alive = (uvicorn.Server(uvicorn.Config("app:app", log_config=None)) for _ in range(2))
        servers = _uvicorn.Servers(asyncio.get_running_loop())
        servers._found = [(stopped, gone), (serving, alive)]
        servers.looked_at = asyncio.get_running_loop().time()
        assert servers.of(request) is alive
        assert not servers.all_stopping()
        alive.should_exit = True
        assert servers.all_stopping()
        serving.cancel()

    asyncio.run(main())


def test_without_uvicorn_nobody_looks_for_it(monkeypatch):
    """A loop that it does not serve has no servers, whatever is loaded."""

    async def main():
        servers = _uvicorn.Servers(asyncio.get_running_loop())
        assert servers.of(asyncio.current_task()) is None
        assert not servers
        assert not servers.all_stopping()

    asyncio.run(main())
    monkeypatch.setitem(sys.modules, "uvicorn.server", None)
    asyncio.run(main())
