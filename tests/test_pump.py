"""Flush, fairness, backpressure and waiting of the pump, message by message."""

from __future__ import annotations

import asyncio
import itertools
import time

import anyio
import pytest

from asgi import Wire, items_of, run, start, until
from eventwire import EventSourceResponse, _outbox

pytestmark = pytest.mark.usefixtures("kind")


def test_the_first_event_is_a_message_of_its_own_and_the_rest_is_coalesced():
    """Events that are ready together leave together; the bytes do not change."""

    async def generator():
        for number in range(5):
            yield number

    async def main():
        wire = Wire()
        await start(EventSourceResponse(generator()), wire)
        return wire

    wire = run(main)
    assert wire.bodies == [
        b"data: 0\n\n",
        b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n",
        b"",
    ]
    assert wire.ended


def test_what_is_ready_leaves_when_the_generator_suspends():
    """No event waits for the one after it."""

    async def main():
        wire, gate = Wire(), asyncio.Event()

        async def generator():
            yield 1
            yield 2
            await gate.wait()
            yield 3

        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.body == b"data: 1\n\ndata: 2\n\n")
        assert not task.done()
        gate.set()
        await task
        return wire

    assert run(main).body == b"data: 1\n\ndata: 2\n\ndata: 3\n\n"


def test_a_ready_event_waits_at_most_for_one_step_of_a_blocking_generator():
    """The clock is read after every item: a step that blocks is followed by a flush."""

    async def generator():
        for number in range(6):
            time.sleep(0.002)
            yield number

    async def main():
        wire = Wire()
        await start(EventSourceResponse(generator()), wire)
        return wire

    assert run(main).bodies == [f"data: {n}\n\n".encode() for n in range(6)] + [b""]


def test_a_message_holds_about_64_kib_at_most():
    """A budget in bytes bounds what is gathered."""
    item = "x" * 1000

    async def generator():
        for _ in range(2000):
            yield item

    async def main():
        wire = Wire()
        await start(EventSourceResponse(generator()), wire)
        return wire

    wire = run(main)
    assert len(wire.body) == 2000 * len(f'data: "{item}"\n\n')
    assert max(map(len, wire.bodies)) < 64 * 1024 + 1100


def test_a_generator_that_never_awaits_lets_other_tasks_run():
    """Each used budget is a checkpoint."""

    async def main():
        wire = Wire()
        response = EventSourceResponse(items_of(itertools.repeat(1)))
        task = start(response, wire)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        wire.leave()
        await asyncio.wait_for(task, 1)

    run(main)


def test_nothing_is_asked_of_the_generator_while_a_send_is_blocked():
    """Backpressure: it may finish its step, and then stands still."""

    async def main():
        wire = Wire()
        produced = []

        async def generator():
            for number in range(100):
                produced.append(number)
                yield number
                await asyncio.sleep(0)

        async def block(message):
            if message.get("body") == b"data: 5\n\n":
                wire.block()

        wire.on_send = block
        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: len(produced) > 5)
        await asyncio.sleep(0.02)
        stalled = len(produced)
        await asyncio.sleep(0.05)
        assert len(produced) == stalled < 100
        wire.unblock()
        await task
        return wire

    wire = run(main)
    assert wire.body == b"".join(f"data: {n}\n\n".encode() for n in range(100))
    assert wire.ended


def test_a_timeout_inside_the_generator_fires_while_a_send_is_blocked():
    """The task waits on the generator's own future, blocked send or not."""

    async def main():
        wire = Wire()
        fired = []

        async def generator():
            yield 0
            yield 1  # leaves when the generator suspends, with the timeout running
            try:
                async with asyncio.timeout(0.02):
                    await asyncio.Event().wait()
            except TimeoutError:
                fired.append((wire.in_flight, asyncio.current_task().cancelling()))
            yield 2

        async def block(message):
            if message.get("body") == b"data: 1\n\n":
                wire.block()

        wire.on_send = block
        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: fired)
        wire.unblock()
        await task
        assert fired == [(1, 0)]
        return wire

    assert run(main).body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_frames_gathered_during_a_blocked_send_leave_when_it_ends():
    """They do not wait for the generator's next step."""

    async def main():
        wire = Wire()
        first = asyncio.Event()

        async def generator():
            yield 0
            yield 1
            await first.wait()
            yield 2
            await asyncio.Event().wait()

        async def block(message):
            if message.get("body") == b"data: 1\n\n":
                wire.block()

        wire.on_send = block
        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.in_flight)
        first.set()
        await asyncio.sleep(0.01)
        wire.unblock()
        await until(lambda: wire.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n")
        wire.leave()
        await task

    run(main)


def test_a_send_of_a_stranger_runs_from_start_to_end_in_one_task(monkeypatch):
    """A middleware that holds an anyio scope across its await is not torn in two."""
    monkeypatch.setattr(_outbox, "server_send", lambda send: None)

    async def main():
        wire = Wire()
        tasks = set()

        async def scoped(message):
            before = asyncio.current_task()
            with anyio.fail_after(1):
                await asyncio.sleep(0)
            assert asyncio.current_task() is before
            tasks.add(before)

        wire.on_send = scoped
        holder = []

        async def generator():
            for number in range(3):
                holder.append(asyncio.current_task())
                yield number
                await asyncio.sleep(0.002)

        await start(EventSourceResponse(generator()), wire)
        assert not tasks & set(holder)
        return wire

    wire = run(main)
    assert wire.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
