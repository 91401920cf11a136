"""The order in which a stream ends, step by step; `_stream.py` says it in its first lines."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import anyio
import pytest

from asgi import Wire, run, start, until
from eventwire import EventSourceResponse

pytestmark = pytest.mark.usefixtures("kind")


class Iterator:
    """Waits in its first step; `seen` says what was asked of it."""

    def __init__(self):
        self.seen = []

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.seen.append("asked")
        await asyncio.Event().wait()

    async def aclose(self):
        self.seen.append("closed")


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_1_a_pump_that_is_cancelled_before_its_first_step_still_closes_the_iterator():
    """By a stranger, right after it was made: nothing is asked, the request ends cancelled."""

    async def main():
        source, wire = Iterator(), Wire()
        task = start(EventSourceResponse(source), wire)
        while not (others() - {task}) and not source.seen:
            await asyncio.sleep(0)
        eager = bool(source.seen)
        for pump in others() - {task}:
            pump.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        assert source.seen == (["asked", "closed"] if eager else ["closed"])
        assert not wire.ended

    run(main)


def test_2_a_client_that_has_left_before_the_first_step_closes_without_asking():
    """The pump is not cancelled then, it would never run, but finds `closing` set."""

    async def main():
        source, wire = Iterator(), Wire()

        async def receive():
            return {"type": "http.disconnect"}

        await asyncio.wait_for(
            EventSourceResponse(source)(wire.scope, receive, wire.send), timeout=1
        )
        assert source.seen == ["closed"]
        assert others() == set()

    run(main)


@pytest.mark.parametrize("awaits", [True, False])
def test_3_closing_is_set_before_the_cancellation_so_that_one_more_item_is_the_last(awaits):
    """A generator that swallows it and yields is closed at that yield, and the item not sent."""

    async def main():
        wire, taken, closed = Wire(), [], []

        async def generator():
            try:
                while True:
                    try:
                        yield "before"
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        for number in range(5):
                            if awaits:
                                await asyncio.sleep(0)
                            taken.append(number)
                            yield number
            except GeneratorExit:
                closed.append(len(taken))
                raise

        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.body)
        await asyncio.sleep(0.001)
        wire.leave()
        await asyncio.wait_for(task, 0.25)
        assert taken == [0]
        assert closed == [1]
        assert wire.body == b'data: "before"\n\n'

    run(main)


@pytest.mark.parametrize("fate", ["leave", "cancel"])
def test_4_the_generator_is_closed_before_the_send_in_flight_is_cancelled(fate):
    """The generator's cleanup may last; the body is cut in that send."""

    async def main():
        wire, order = Wire(), []

        async def generator():
            try:
                yield 1
                yield 2
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                order.append("generator closed")

        async def block(message):
            if message.get("body") == b"data: 2\n\n":
                try:
                    await asyncio.Event().wait()
                finally:
                    order.append("send cancelled")

        wire.on_send = block
        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.in_flight)
        wire.leave() if fate == "leave" else task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 0.25)
        assert order == ["generator closed", "send cancelled"]
        assert wire.bodies == [b"data: 1\n\n"]

    run(main)


def test_5_the_request_waits_for_the_pump_however_often_it_is_cancelled():
    """An anyio scope cancels each wait of the request; the shield keeps it there."""

    async def main():
        wire, requests = Wire(), []
        request = asyncio.current_task()

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                for _ in range(5):
                    await asyncio.sleep(0.001)
                    requests.append(request.cancelling())

        response = EventSourceResponse(generator())
        with anyio.CancelScope() as cancelled:
            asyncio.get_running_loop().call_later(0.01, cancelled.cancel)
            await response(wire.scope, wire.receive, wire.send)
        assert requests == [1] * 5  # not again in each turn of the loop
        assert others() == set()
        assert asyncio.current_task().cancelling() == 0

    run(main)


def test_6_the_request_is_released_from_receive_by_a_cancellation_that_is_taken_back():
    """`receive()` sees it, as it would see a timeout's; the caller sees nothing."""

    async def main():
        wire, seen = Wire(), []

        async def receive():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append(asyncio.current_task().cancelling())
                raise

        async def generator():
            yield 1
            await asyncio.sleep(0.001)

        async with asyncio.timeout(1):
            await EventSourceResponse(generator())(wire.scope, receive, wire.send)
        assert seen == [1]
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)  # nothing is left to be delivered
        assert wire.ended

    run(main)


def test_6_a_receive_that_swallows_the_release_is_no_disconnect():
    """What it returns then does not count: the stream has ended, and by itself."""

    async def main():
        wire, left = Wire(), []

        async def receive():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def generator():
            yield 1
            await asyncio.sleep(0.001)

        response = EventSourceResponse(generator(), on_disconnect=lambda: left.append(1))
        async with asyncio.timeout(1):
            await response(wire.scope, receive, wire.send)
        assert wire.ended
        assert left == []
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)

    run(main)


def test_7_ended_is_set_before_the_final_message_so_that_its_echo_is_no_disconnect():
    """Servers answer it with `http.disconnect` before that send returns: the send goes on."""

    async def main():
        wire, left = Wire(), []

        async def echo(message):
            if message.get("more_body") is False:
                wire.leave()
                for _ in range(5):
                    await asyncio.sleep(0)

        async def generator():
            yield 1

        wire.on_send = echo
        response = EventSourceResponse(generator(), on_disconnect=lambda: left.append(1))
        await start(response, wire)
        assert wire.ended
        assert left == []

    run(main)


def test_7_after_the_final_message_no_keep_alive_message_is_sent():
    """The timer stops with it, also if that send takes longer than the interval."""

    async def main():
        wire = Wire()

        async def slow(message):
            if message.get("more_body") is False:
                await asyncio.sleep(0.03)

        async def generator():
            yield 1

        wire.on_send = slow
        await start(EventSourceResponse(generator(), ping_interval=0.005), wire)
        await asyncio.sleep(0.02)
        assert wire.bodies == [b"data: 1\n\n", b""]

    run(main)


@pytest.mark.parametrize("fate", ["leave", "cancel"])
def test_8_a_step_in_a_worker_thread_is_asked_to_stop_and_not_interrupted(fate, caplog):
    """It runs to its end, then the generator is closed in a worker; nothing more is taken."""

    async def main():
        wire, order = Wire(), []
        entered, go_on = threading.Event(), threading.Event()

        def generator():
            try:
                yield 1
                entered.set()
                go_on.wait(5)
                order.append("step")
                yield 2
                order.append("never")
            except GeneratorExit:
                order.append("closed")
                order.append(threading.current_thread() is threading.main_thread())

        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.body and entered.is_set())
        wire.leave() if fate == "leave" else task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
        assert order == []
        go_on.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        assert order == ["step", "closed", False]
        assert wire.body == b"data: 1\n\n"

    run(main)
    assert not caplog.records
