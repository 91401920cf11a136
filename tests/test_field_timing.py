"""Idle streams wake nothing up, and a ping waits for whole events."""

from __future__ import annotations

import asyncio

import pytest

from asgi import Wire, start, until
from eventwire import EventSourceResponse, _outbox
from receiver import receive

PING = b": ping\n\n"


def test_a_thousand_idle_streams_run_no_callback_of_the_loop(monkeypatch):
    """Without pings nothing is due, with them a timer for each: no poller, no task that wakes."""
    ran = 0
    run = asyncio.Handle._run

    def counted(handle):
        nonlocal ran
        ran += 1
        return run(handle)

    async def idle():
        yield 1
        await asyncio.Event().wait()

    async def main(interval):
        nonlocal ran
        wires = [Wire() for _ in range(1000)]
        tasks = [start(EventSourceResponse(idle(), ping_interval=interval), w) for w in wires]
        await until(lambda: all(wire.body for wire in wires))
        await asyncio.sleep(0.1)
        ran = 0
        await asyncio.sleep(1)
        during = ran
        pings = sum(wire.body.count(PING) for wire in wires)
        for wire in wires:
            wire.leave()
        await asyncio.wait(tasks)
        return during, pings

    monkeypatch.setattr(asyncio.Handle, "_run", counted)
    monkeypatch.setattr(_outbox, "server_send", lambda send: send)
    # `sleep` has a timer and a wake-up of its own.
    assert asyncio.run(main(None)) == (pytest.approx(2, abs=2), 0)
    during, pings = asyncio.run(main(0.5))
    assert pings >= 1000
    # A timer that was armed before the first event fires once too early.
    assert during <= pings + 1000 + 10


def test_a_ping_never_comes_between_the_halves_of_an_event():
    """However big the event and however short the interval, each message is whole frames."""

    async def main():
        wire = Wire()

        async def slow(_):
            await asyncio.sleep(0.002)

        async def generator():
            for number in range(40):
                yield "x" * 100_000
                await asyncio.sleep(0.001 * (number % 7))

        wire.on_send = slow
        await start(EventSourceResponse(generator(), ping_interval=0.002), wire)
        return wire

    wire = asyncio.run(main())
    assert PING in wire.body
    assert [message.data for message in receive(wire.body).messages] == [
        '"%s"' % ("x" * 10**5)
    ] * 40
    assert all(body.endswith(b"\n\n") for body in wire.bodies if body)
