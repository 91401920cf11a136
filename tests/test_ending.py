"""How a stream ends: cancellation, errors of sends and generators, what follows the end."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from asgi import Wire, items_of, run, start, until
from eventwire import EventSourceResponse

pytestmark = pytest.mark.usefixtures("kind")


def test_a_cancelled_request_closes_the_generator_before_it_raises():
    """Cancellation from outside: cleanup first, a cut body, then CancelledError."""

    async def main():
        wire, events = Wire(), []

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                events.append("closed")

        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.body)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert events == ["closed"]
        assert not wire.ended

    run(main)


def test_a_cancelled_scope_around_the_response_closes_the_generator():
    """Anyio's cancellation of the request waits for the cleanup, too."""

    async def main():
        wire, events = Wire(), []

        async def generator():
            try:
                yield 1
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.01)
                events.append("closed")

        response = EventSourceResponse(generator())
        with anyio.move_on_after(0.05) as cancelled:
            await response(wire.scope, wire.receive, wire.send)
        assert cancelled.cancelled_caught
        assert events == ["closed"]
        assert asyncio.current_task().cancelling() == 0

    run(main)


def test_the_request_is_released_without_a_trace_of_the_cancellation():
    """The end of the pump cancels the wait for a disconnect and takes it back."""

    async def main():
        wire = Wire()
        never = asyncio.Event()

        async def receive():
            await never.wait()

        async def handler():
            response = EventSourceResponse(items_of([1]))
            await response(wire.scope, receive, wire.send)
            task = asyncio.current_task()
            await asyncio.sleep(0)
            return task.cancelling()

        return await asyncio.wait_for(handler(), 1), wire

    cancelling, wire = run(main)
    assert cancelling == 0
    assert wire.ended


def test_a_failing_send_closes_the_generator_and_is_raised():
    """An error of the server's send, at once or later, is the stream's error."""

    async def main(later):
        wire, events = Wire(), []

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                events.append("closed")

        async def fail(message):
            if message["type"] == "http.response.body":
                if later:
                    await asyncio.sleep(0.01)
                raise RuntimeError("transport")

        wire.on_send = fail
        with pytest.raises(RuntimeError, match="transport"):
            await asyncio.wait_for(start(EventSourceResponse(generator()), wire), 1)
        assert events == ["closed"]

    for later in (False, True):
        asyncio.run(main(later))


def test_from_spec_2_4_on_an_oserror_of_send_is_a_disconnect():
    """Starlette's ClientDisconnect is raised, as by its own responses."""

    async def main():
        wire = Wire(spec_version="2.4")

        async def fail(message):
            if message["type"] == "http.response.body":
                raise OSError("gone")

        wire.on_send = fail
        with pytest.raises(ClientDisconnect):
            await start(EventSourceResponse(items_of([1, 2])), wire)

    run(main)


def test_an_oserror_of_the_generator_is_not_taken_for_a_disconnect():
    """Only a send can say that the client has left."""

    async def main():
        wire = Wire(spec_version="2.4")

        async def generator():
            yield 1
            raise ConnectionRefusedError("upstream")

        with pytest.raises(ConnectionRefusedError):
            await start(EventSourceResponse(generator()), wire)
        assert wire.body == b"data: 1\n\n"

    run(main)


def test_a_stream_that_is_left_before_it_starts_never_enters_the_generator():
    """A disconnect that is there already: closed, not entered."""

    async def main():
        wire, entered = Wire(), []

        async def generator():
            entered.append(1)
            yield 1

        source = generator()

        async def receive():
            return {"type": "http.disconnect"}

        await EventSourceResponse(source)(wire.scope, receive, wire.send)
        with pytest.raises(StopAsyncIteration):
            await source.__anext__()
        assert entered == []

    run(main)


def test_no_task_is_left_behind():
    """After finish, error and disconnect only the caller's task exists."""

    async def fails():
        yield 1
        raise LookupError

    async def waits():
        yield 1
        await asyncio.Event().wait()

    async def main():
        await start(EventSourceResponse(items_of([1])), Wire())
        with pytest.raises(LookupError):
            await start(EventSourceResponse(fails()), Wire())
        wire = Wire()
        task = start(EventSourceResponse(waits()), wire)
        await until(lambda: wire.body)
        assert len(asyncio.all_tasks()) == 3  # ours, the request's and the pump's
        wire.leave()
        await task
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_the_servers_echo_of_the_end_is_not_taken_for_a_disconnect():
    """Servers say `http.disconnect` when the final message arrives, before its send returns."""

    async def main():
        wire, done = Wire(), []

        async def echo(message):
            if message.get("more_body") is False:
                wire.leave()
                await asyncio.sleep(0.01)

        wire.on_send = echo
        response = EventSourceResponse(items_of([1]), background=BackgroundTask(done.append, 1))
        await start(response, wire)
        assert wire.ended
        assert done == [1]

    run(main)


@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError])
def test_what_was_yielded_before_an_error_arrives_at_a_slow_client(error):
    """A send in flight and the frames behind it are waited for; then the error is raised."""

    async def main():
        wire = Wire()

        async def generator():
            yield 1
            yield 2
            await asyncio.sleep(0.005)
            yield 3
            raise error

        async def slow(message):
            if message.get("body") == b"data: 2\n\n":
                await asyncio.sleep(0.05)

        wire.on_send = slow
        with pytest.raises(error):
            await start(EventSourceResponse(generator()), wire)
        assert wire.body == b"data: 1\n\ndata: 2\n\ndata: 3\n\n"
        assert not wire.ended

    run(main)


@pytest.mark.parametrize("fate", ["leave", "cancel"])
def test_an_error_is_not_lost_when_the_client_leaves_before_the_last_frames(fate):
    """The generator has failed: whatever happens to its last frames, its error is raised."""

    async def main():
        wire = Wire()

        async def generator():
            yield 1
            yield 2
            raise LookupError("important")

        async def block(message):
            if message.get("body") == b"data: 2\n\n":
                wire.block()

        wire.on_send = block
        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.in_flight)
        await asyncio.sleep(0.01)
        if fate == "leave":
            wire.leave()
        else:
            task.cancel()
        with pytest.raises(LookupError, match="important"):
            await task

    run(main)


def test_a_send_that_fails_at_once_reaches_a_generator_in_the_middle_of_a_step():
    """It is cancelled where it waits, and closed: not "already running"."""

    async def main():
        wire, events = Wire(), []

        async def generator():
            try:
                yield 1
                yield 2
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                events.append("cancelled")
                raise
            finally:
                events.append("closed")

        async def fail(message):
            if message.get("body") == b"data: 2\n\n":
                raise RuntimeError("transport")

        wire.on_send = fail
        with pytest.raises(RuntimeError, match="transport"):
            await asyncio.wait_for(start(EventSourceResponse(generator()), wire), 1)
        assert events == ["cancelled", "closed"]

    run(main)


def test_a_start_that_fails_closes_the_generator_without_entering_it():
    """Nothing was asked of it, and nothing can be any more."""

    async def main():
        wire = Wire()
        source = items_of([1])

        async def fail(message):
            raise RuntimeError("start")

        wire.on_send = fail
        with pytest.raises(RuntimeError, match="start"):
            await start(EventSourceResponse(source), wire)
        with pytest.raises(StopAsyncIteration):
            await source.__anext__()

    run(main)


def test_a_generator_that_does_not_end_is_left_alone_after_the_cleanup_timeout(caplog):
    """The request ends, with one warning; the generator goes on by itself."""

    async def main():
        wire, go_on = Wire(), asyncio.Event()

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await go_on.wait()

        task = start(EventSourceResponse(generator(), cleanup_timeout=0.05), wire)
        await until(lambda: wire.body)
        wire.leave()
        await asyncio.wait_for(task, 1)
        go_on.set()
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)
    (record,) = caplog.records
    assert "did not end" in record.getMessage()
