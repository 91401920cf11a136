"""Streams on trio, where the plain loop runs them, and on asyncio: the same life on both."""

from __future__ import annotations

import logging
import threading
import time

import anyio
import anyio.lowlevel
import pytest
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from asgi import scope
from eventwire import EventSourceResponse, SendTimeoutError, ServerSentEvent

PING = b": ping\n\n"
pytestmark = pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])


class Line:
    """`receive` and `send` of one request, on any loop."""

    def __init__(self):
        self.messages = []
        self.left = anyio.Event()
        self.free = anyio.Event()
        self.free.set()
        self.asked = False
        self.error = None

    async def receive(self):
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.left.is_set():  # anyio's wait lets others run even so
            await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.free.wait()
        if self.error is not None:
            raise self.error
        self.messages.append(message)
        if message.get("more_body") is False:
            self.left.set()

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def ended(self):
        return bool(self.messages) and self.messages[-1].get("more_body") is False

    async def until(self, condition):
        with anyio.fail_after(5):
            while not condition():
                await anyio.sleep(0.001)


def run(backend, main):
    if backend == "uvloop":
        return anyio.run(main, backend="asyncio", backend_options={"use_uvloop": True})
    return anyio.run(main, backend=backend)


async def answer(response, line, **more):
    await response(scope(**more), line.receive, line.send)


class Numbers:
    """A generator that notes what happens to it; after `count` items it waits, or ends."""

    def __init__(self, count=2, *, waits=True, cleanup=0.0):
        self.count, self.waits, self.cleanup = count, waits, cleanup
        self.ends = []

    async def __call__(self):
        try:
            for number in range(self.count):
                yield number
            if self.waits:
                await anyio.sleep_forever()
            self.ends.append("end")
        except BaseException as error:
            self.ends.append(type(error).__name__)
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(self.cleanup)
            self.ends.append("closed")


def test_events_arrive_in_order_and_the_body_ends(backend):
    """Async and sync iterables, streams of anyio, and what is encoded already."""

    async def frames():
        yield b"data: raw\n\n"
        yield ServerSentEvent(data=1, event="e", id="i")

    def sync():
        yield from range(3)

    async def main():
        sender, receiver = anyio.create_memory_object_stream(3)
        for number in range(3):
            sender.send_nowait(number)
        sender.close()
        numbers = b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        for content, expected in [
            (Numbers(3, waits=False)(), numbers),
            (sync(), numbers),
            ([0, 1, 2], numbers),
            (receiver, numbers),
            (frames(), b"data: raw\n\nevent: e\ndata: 1\nid: i\n\n"),
        ]:
            line = Line()
            await answer(EventSourceResponse(content), line)
            assert (line.body, line.ended) == (expected, True)
        assert receiver.statistics().open_receive_streams == 0  # closed, although it had ended

    run(backend, main)


def test_each_event_is_sent_before_the_next_one_is_asked_for_when_the_client_is_slow(backend):
    """Backpressure: nothing is pulled while a send is blocked, beyond what is ready."""
    asked = []

    async def generator():
        for number in range(100):
            asked.append(number)
            yield "x" * 100_000
            await anyio.lowlevel.checkpoint()

    async def main():
        line = Line()
        async with anyio.create_task_group() as group:
            group.start_soon(answer, EventSourceResponse(generator()), line)
            await line.until(lambda: len(asked) >= 2)
            line.free = anyio.Event()
            await anyio.sleep(0.05)
            pulled = len(asked)
            await anyio.sleep(0.05)
            assert len(asked) == pulled < 100
            line.free.set()
        assert line.body.count(b"data: ") == 100

    run(backend, main)


@pytest.mark.parametrize("blocked", [False, True])
def test_a_client_that_leaves_closes_the_generator_before_the_background_task(backend, blocked):
    """While it waits and while its send does; `on_disconnect` is called after that."""
    numbers = Numbers(2 if not blocked else 10**6, cleanup=0.01)

    async def main():
        line = Line()

        async def gone():
            numbers.ends.append("on_disconnect")

        background = BackgroundTask(numbers.ends.append, "background")
        response = EventSourceResponse(numbers(), background=background, on_disconnect=gone)
        async with anyio.create_task_group() as group:
            group.start_soon(answer, response, line)
            await line.until(lambda: b"data: 1\n\n" in line.body)
            if blocked:
                line.free = anyio.Event()
                await anyio.sleep(0.02)
            with anyio.fail_after(0.25):
                line.left.set()
                await line.until(lambda: "background" in numbers.ends)
        assert not line.ended

    run(backend, main)
    assert numbers.ends[1:] == ["closed", "on_disconnect", "background"]
    expected = {"CancelledError", "Cancelled"}
    assert numbers.ends[0] in (expected | {"GeneratorExit"} if blocked else expected)


def test_a_client_that_has_left_already_starts_nothing(backend):
    """The generator is not advanced."""
    numbers = Numbers()

    async def main():
        line = Line()
        line.asked = True
        line.left.set()
        with anyio.fail_after(1):
            await answer(EventSourceResponse(numbers()), line)
        assert line.body == b""

    run(backend, main)
    assert numbers.ends == []


def test_comments_keep_an_idle_stream_alive(backend):
    """One per interval, none after the end; a function makes the message."""

    async def generator():
        yield 1
        await anyio.sleep(0.35)
        yield 2

    async def main():
        line = Line()
        await answer(EventSourceResponse(generator(), ping_interval=0.1), line)
        assert line.body.replace(PING, b"") == b"data: 1\n\ndata: 2\n\n"
        assert 1 <= line.body.count(PING) <= 3
        assert line.ended
        made = []

        def ping():
            made.append(1)
            return ServerSentEvent(event="ping")

        line = Line()
        response = EventSourceResponse(generator(), ping_interval=0.1, ping_message=ping)
        await answer(response, line)
        assert line.body.count(b"event: ping\n\n") == len(made) >= 1

    run(backend, main)


def test_a_keepalive_message_that_fails_ends_the_stream_with_its_error(backend):
    """The generator is closed; the error is not in a group."""
    numbers = Numbers()

    def ping():
        raise KeyError("ping")

    async def main():
        response = EventSourceResponse(numbers(), ping_interval=0.02, ping_message=ping)
        with anyio.fail_after(2), pytest.raises(KeyError, match="ping"):
            await answer(response, Line())

    run(backend, main)
    assert numbers.ends[-1] == "closed"


def test_a_generator_that_fails_cuts_the_body_and_raises_its_error(backend):
    """What was yielded before arrives."""

    async def generator():
        yield 1
        raise KeyError("mine")

    async def main():
        line = Line()
        with pytest.raises(KeyError, match="mine"):
            await answer(EventSourceResponse(generator()), line)
        assert (line.body, line.ended) == (b"data: 1\n\n", False)

    run(backend, main)


def test_an_item_that_cannot_be_encoded_closes_the_generator(backend):
    """Its error is the encoder's."""
    closed = []

    async def generator():
        try:
            yield 1
            yield object()
        finally:
            closed.append(True)

    async def main():
        line = Line()
        with pytest.raises(ValueError, match="object"):
            await answer(EventSourceResponse(generator()), line)
        assert (line.body, line.ended) == (b"data: 1\n\n", False)

    run(backend, main)
    assert closed == [True]


def test_before_the_first_event_an_exception_may_become_another_response(backend):
    """`wait_for_first_event`: nothing was sent; else the start comes with the first event."""

    async def refuses():
        raise HTTPException(404)
        yield

    async def main():
        line = Line()
        with pytest.raises(HTTPException):
            await answer(EventSourceResponse(refuses(), wait_for_first_event=True), line)
        assert line.messages == []
        response = EventSourceResponse(Numbers(1, waits=False)(), wait_for_first_event=True)
        await answer(response, line)
        assert line.messages[0]["type"] == "http.response.start"
        assert line.body == b"data: 0\n\n"

    run(backend, main)


def test_a_client_that_does_not_read_ends_the_stream_after_send_timeout(backend):
    """With `SendTimeoutError`, the generator closed."""
    numbers = Numbers(10**6)

    async def main():
        line = Line()
        async with anyio.create_task_group() as group:

            async def ask():
                with pytest.raises(SendTimeoutError):
                    await answer(EventSourceResponse(numbers(), send_timeout=0.1), line)
                group.cancel_scope.cancel()

            group.start_soon(ask)
            await line.until(lambda: line.body)
            line.free = anyio.Event()
            await anyio.sleep(2)
            pytest.fail("the stream did not end")

    run(backend, main)
    assert numbers.ends[-1] == "closed"


def test_a_send_that_fails_is_the_error_unless_the_server_says_disconnect_so(backend):
    """From ASGI HTTP spec 2.4 on an OSError means that the client has left."""

    async def main():
        for version, expected in [("2.3", OSError), ("2.4", ClientDisconnect)]:
            numbers, line = Numbers(10**6), Line()
            line.error = OSError("gone")
            response = EventSourceResponse(numbers(), wait_for_first_event=True)
            with pytest.raises(expected):
                await answer(response, line, spec_version=version)
            assert numbers.ends[-1] == "closed"

    run(backend, main)


def test_a_cancellation_from_outside_closes_the_generator(backend):
    """It goes on once that is done."""
    numbers = Numbers(cleanup=0.02)

    async def main():
        with anyio.move_on_after(0.05) as limit:
            await answer(EventSourceResponse(numbers()), Line())
        assert limit.cancelled_caught
        assert numbers.ends[-1] == "closed"

    run(backend, main)


def test_a_cleanup_that_does_not_end_is_given_up_with_a_warning(backend, caplog):
    """The request ends after `cleanup_timeout`; here the generator is suspended at a yield."""

    async def generator():
        try:
            while True:
                yield "x" * 100_000
        finally:
            await anyio.sleep(1)

    async def main():
        line = Line()
        async with anyio.create_task_group() as group:
            response = EventSourceResponse(generator(), cleanup_timeout=0.05)
            group.start_soon(answer, response, line)
            await line.until(lambda: line.body)
            line.free = anyio.Event()
            await anyio.sleep(0.02)
            with anyio.fail_after(0.5):
                line.left.set()
                await line.until(lambda: "did not end" in caplog.text)

    with caplog.at_level(logging.WARNING, "eventwire"):
        run(backend, main)


def test_sync_generators_run_in_worker_threads_and_are_closed(backend):
    """The loop goes on while they block; a client that leaves closes them."""
    seen = []

    def generator():
        try:
            for number in range(1000):
                seen.append(threading.current_thread() is threading.main_thread())
                yield number
                time.sleep(0.005)
        finally:
            seen.append("closed")

    async def main():
        line = Line()
        async with anyio.create_task_group() as group:
            group.start_soon(answer, EventSourceResponse(generator()), line)
            await line.until(lambda: b"data: 2\n\n" in line.body)
            with anyio.fail_after(0.5):
                line.left.set()
                await line.until(lambda: "closed" in seen)

    run(backend, main)
    assert not any(is_main is True for is_main in seen)


def test_head_gets_the_headers_and_starts_nothing(backend):
    """As everywhere."""
    numbers = Numbers()

    async def main():
        line = Line()
        await answer(EventSourceResponse(numbers()), line, method="HEAD")
        assert [message["type"] for message in line.messages] == [
            "http.response.start",
            "http.response.body",
        ]
        assert line.body == b""

    run(backend, main)
    assert numbers.ends == []
