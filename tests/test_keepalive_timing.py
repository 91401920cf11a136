"""Keep-alive and the limit of a send, to the instant, on a loop whose clock is ours."""

import asyncio
import itertools
import random
import selectors

import pytest

from asgi import Wire, items_of, start
from eventwire import EventSourceResponse, SendTimeoutError

PING = b": ping\n\n"
INTERVAL = 15.0
COUNT = 10_000
SOON = 1.01 * INTERVAL


class Skipping(selectors.DefaultSelector):
    """Never waits: the time that a wait would have taken is added to `passed`."""

    passed = 1000.0
    waits = 0

    def select(self, timeout=None):
        if timeout is not None and timeout > 0:
            self.passed += timeout
            self.waits += 1
            timeout = 0
        return super().select(timeout)


class Clock(asyncio.SelectorEventLoop):
    """An event loop on which hours pass at once."""

    def __init__(self):
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self):
        return self.skipping.passed


def run(main):
    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(main())


def near(number, chance):
    """Return a time around so many intervals: on it, beside it by a hair or by a little."""
    hair = chance.choice([0, 0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1])
    return number * INTERVAL + chance.choice([-1, 1]) * hair


@pytest.mark.parametrize("blocked", [False, True])
def test_events_around_the_deadline_of_a_ping_are_neither_lost_nor_doubled(blocked):
    """Ten thousand times: all in order, whole, with a ping in every interval without an event."""
    chance = random.Random(5)
    sent = []

    async def main():
        wire = Wire()
        loop = asyncio.get_running_loop()

        async def generator():
            for number in range(COUNT):
                yield number
                await asyncio.sleep(max(0, near(chance.choice([0, 1, 1, 1, 2, 5]), chance)))

        async def on_send(message):
            sent.append((loop.time(), message.get("body")))
            if blocked and chance.random() < 0.2:
                await asyncio.sleep(max(0, near(chance.choice([0, 1, 2]), chance)))

        wire.on_send = on_send
        await start(EventSourceResponse(generator(), ping_interval=INTERVAL), wire)
        assert wire.ended
        assert {body.endswith(b"\n\n") for body in wire.bodies} == {True, False}  # the last: empty
        assert wire.bodies.count(PING) > COUNT // 2
        assert all(PING not in body for body in wire.bodies if body != PING)
        assert wire.body.replace(PING, b"") == b"".join(b"data: %d\n\n" % n for n in range(COUNT))

    run(main)
    for (before, _), (now, body) in itertools.pairwise(sent):
        if body == PING:
            assert now - before >= INTERVAL * 0.999
        if not blocked:
            assert now - before <= SOON


@pytest.mark.parametrize("ping_interval", [None, 0.7, 100.0])
@pytest.mark.parametrize("limit", [0.5, 10.0, 3600.0])
def test_a_send_that_is_not_taken_ends_the_stream_on_time(limit, ping_interval):
    """Within a tenth of the limit, with pings and without."""
    closed = []

    async def generator():
        try:
            async for item in items_of(range(10**9)):
                yield item
        finally:
            closed.append(asyncio.get_running_loop().time())

    async def main():
        wire = Wire()
        blocked = []

        async def on_send(message):
            if message["type"] == "http.response.body" and not blocked:
                blocked.append(asyncio.get_running_loop().time())
                wire.block()

        wire.on_send = on_send
        response = EventSourceResponse(generator(), send_timeout=limit, ping_interval=ping_interval)
        with pytest.raises(SendTimeoutError):
            await start(response, wire)
        assert 0.999 * limit <= closed[0] - blocked[0] <= 1.1 * limit

    run(main)


def test_a_ping_that_is_due_does_not_poll_while_a_send_is_blocked():
    """An hour with a reader that takes nothing: at most one look per interval, and then a ping."""

    async def main():
        wire = Wire()
        loop = asyncio.get_running_loop()

        async def generator():
            yield 1
            await asyncio.sleep(7200)

        async def on_send(message):
            if message.get("body") == b"data: 1\n\n":
                await asyncio.sleep(3600)

        wire.on_send = on_send
        task = start(EventSourceResponse(generator(), ping_interval=INTERVAL), wire)
        await asyncio.sleep(3600)
        assert loop.skipping.waits <= 3600 / INTERVAL + 10
        assert PING not in wire.bodies
        await asyncio.sleep(SOON)
        assert wire.bodies.count(PING) == 1
        await task

    run(main)
