"""The end of streams when their server stops, or `AppStatus` says so; a real uvicorn."""

from __future__ import annotations

import asyncio
import threading
import time

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.routing import Route

from asgi import Wire, start, until
from eventwire.sse_starlette.sse import AppStatus, EventSourceResponse
from servers import Server, wait_until


@pytest.fixture(autouse=True)
def clean():
    yield
    AppStatus.should_exit = False
    AppStatus.enable_automatic_graceful_drain_mode()
    AppStatus.original_handler = None


async def idle(log):
    try:
        yield "first"
        await asyncio.sleep(60)
    finally:
        log.append("closed")


def test_should_exit_ends_open_streams_at_once_and_later_ones_too():
    """Set in the loop's thread; reset it, and streams live again."""
    log = []

    async def main():
        wires = [Wire() for _ in range(3)]
        tasks = [start(EventSourceResponse(idle(log)), wire) for wire in wires]
        await until(lambda: all(wire.body for wire in wires))
        AppStatus.should_exit = True
        assert AppStatus.should_exit
        async with asyncio.timeout(0.25):
            await asyncio.gather(*tasks)
        assert not any(wire.ended for wire in wires)
        async with asyncio.timeout(0.25):
            await start(EventSourceResponse(idle(log)), Wire())
        AppStatus.should_exit = False
        wire = Wire()
        task = start(EventSourceResponse(idle(log)), wire)
        await until(lambda: wire.body)
        wire.leave()
        await task

    asyncio.run(main())
    assert log.count("closed") >= 4


def test_should_exit_may_be_set_from_another_thread():
    """Of streams on several loops."""
    log, opened = [], []

    async def main():
        wire = Wire()
        task = start(EventSourceResponse(idle(log)), wire)
        await until(lambda: wire.body)
        opened.append(True)
        async with asyncio.timeout(5):
            await task

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(opened) == 2, "both streams")
    AppStatus.should_exit = True
    since = time.monotonic()
    for thread in threads:
        thread.join(5)
    assert time.monotonic() - since < 1
    assert log == ["closed"] * 2


def test_monkeypatch_sets_and_resets_it(monkeypatch):
    """As tests of applications do."""
    with monkeypatch.context() as patched:
        patched.setattr(AppStatus, "should_exit", True)
        assert AppStatus.should_exit
    assert not AppStatus.should_exit


@pytest.mark.parametrize("grace_period", [0, 5])
def test_a_generator_may_say_farewell_when_its_event_is_set(grace_period):
    """Within the grace period the body ends well; without one it is cut at once."""
    event = None

    async def polite():
        yield "first"
        await event.wait()
        yield {"event": "bye"}

    async def main():
        nonlocal event
        event = anyio.Event()
        wire = Wire()
        response = EventSourceResponse(
            polite(), shutdown_event=event, shutdown_grace_period=grace_period, sep="\n"
        )
        task = start(response, wire)
        await until(lambda: wire.body)
        AppStatus.should_exit = True
        async with asyncio.timeout(1):
            await task
        return wire

    wire = asyncio.run(main())
    assert event.is_set()
    assert wire.ended is bool(grace_period)
    if grace_period:
        assert wire.body == b"data: first\n\nevent: bye\n\n"


def application(log, **options):
    async def endpoint(request):
        background = BackgroundTask(log.append, "background")
        return EventSourceResponse(idle(log), background=background, **options)

    return Starlette(routes=[Route("/", endpoint)])


@pytest.mark.parametrize("private", [False, True])
def test_a_server_that_stops_ends_streams(private):
    """Without any change to uvicorn; also of a subclass with a step of its own."""
    import uvicorn  # noqa: PLC0415

    handler = uvicorn.Server.handle_exit
    log = []

    class Own(EventSourceResponse):
        async def _ping(self, send):
            await super()._ping(send)

    async def endpoint(request):
        return (Own if private else EventSourceResponse)(idle(log))

    with Server(Starlette(routes=[Route("/", endpoint)])) as server:
        with server.open("/") as stream:
            stream.read_until(b"data: first\r\n\r\n")
            since = time.monotonic()
            server.uvicorn.should_exit = True
            assert not stream.read_all().whole
            assert time.monotonic() - since < 1
        wait_until(lambda: log == ["closed"], "the generator's end")
    assert uvicorn.Server.handle_exit is handler


def test_a_stop_is_told_while_streams_are_open_and_forgotten_with_the_next_server():
    """`AppStatus.should_exit` is read by generators in their grace period."""
    log = []

    async def asking():
        try:
            yield "first"
            while not AppStatus.should_exit:
                await asyncio.sleep(0.01)
            log.append("noticed")
            yield {"event": "bye"}
        finally:
            log.append("closed")

    async def endpoint(request):
        return EventSourceResponse(asking(), shutdown_grace_period=2)

    for _ in range(2):
        log.clear()
        with Server(Starlette(routes=[Route("/", endpoint)])) as server, server.open("/") as stream:
            stream.read_until(b"data: first\r\n\r\n")
            time.sleep(0.05)
            assert log == []
            server.uvicorn.should_exit = True
            reply = stream.read_all()
            assert reply.whole
            assert reply.body.endswith(b"event: bye\r\n\r\n")
        assert log == ["noticed", "closed"]


def test_an_application_may_say_itself_when_streams_end():
    """`disable_automatic_graceful_drain`: the server's stop alone ends nothing."""
    log = []
    AppStatus.disable_automatic_graceful_drain()
    with Server(application(log)) as server, server.open("/") as stream:
        stream.read_until(b"data: first\r\n\r\n")
        server.uvicorn.should_exit = True
        time.sleep(0.4)
        assert log == []
        AppStatus.should_exit = True
        assert not stream.read_all().whole
        wait_until(lambda: log == ["closed", "background"], "the end")


def test_handle_exit_does_what_a_signal_does():
    """It calls the original handler, if somebody has set one."""
    called = []
    AppStatus.handle_exit(15, None)
    assert AppStatus.should_exit
    AppStatus.should_exit = False
    AppStatus.original_handler = lambda *arguments: called.append(arguments)
    AppStatus.disable_automatic_graceful_drain()
    AppStatus.handle_exit(15, None)
    assert called == [(15, None)]
    assert not AppStatus.should_exit


def test_on_trio_should_exit_ends_a_stream():
    """Servers are not watched there, the flag is."""
    log = []

    async def waiting():
        try:
            yield "first"
            await anyio.sleep_forever()
        finally:
            log.append("closed")

    async def main():
        sent = []

        async def send(message):
            sent.append(message)

        async with anyio.create_task_group() as group:
            scope = {"type": "http", "method": "GET"}
            group.start_soon(EventSourceResponse(waiting()), scope, anyio.sleep_forever, send)
            with anyio.fail_after(2):
                while len(sent) < 2:
                    await anyio.sleep(0.01)
                AppStatus.should_exit = True
        return sent

    sent = anyio.run(main, backend="trio")
    assert sent[1]["body"] == b"data: first\r\n\r\n"
    assert log == ["closed"]
