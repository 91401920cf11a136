"""Random generators, sends, disconnects, cancellations, drains: what holds in any order of them."""

from __future__ import annotations

import asyncio
import random

import pytest

import loops
from asgi import Wire
from eventwire import EventSourceResponse, _outbox, drain

STREAMS = 300
BYE = b"event: bye\n\n"


class SendError(Exception):
    pass


class GeneratorError(Exception):
    pass


class Scenario:
    """One stream with its fate, drawn from a seed; `faults` says what did not hold."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.items = self.random.randrange(8)
        self.raises_at = self.random.choice([None, None, self.random.randrange(6)])
        self.send_fails_at = self.random.choice([None, None, None, self.random.randrange(6)])
        self.fate = self.random.choice(
            ["none", "none", "leave", "cancel", "both", "twice", "drain"]
        )
        self.says = self.random.choice([None, "now", "later"])
        self.farewells = 0
        self.yielded: list[bytes] = []
        self.entered = self.closed = self.sends = 0
        self.wire = Wire()
        self.wire.on_send = self.send

    async def pause(self, kinds: int) -> None:
        kind = self.random.randrange(kinds)
        if kind == 0:
            await asyncio.sleep(0)
        elif kind == 1:
            await asyncio.sleep(self.random.random() * 0.003)
        elif kind == 2:
            try:
                async with asyncio.timeout(self.random.random() * 0.001):
                    await asyncio.Event().wait()
            except TimeoutError:
                pass

    async def generator(self):
        self.entered += 1
        try:
            for number in range(self.items):
                if number == self.raises_at:
                    raise GeneratorError
                await self.pause(5)
                self.yielded.append(b"data: %d\n\n" % number)
                yield number
        finally:
            self.closed += 1
            if self.random.random() < 0.4:
                await asyncio.sleep(self.random.random() * 0.001)

    async def send(self, message) -> None:
        if message["type"] == "http.response.start":
            return
        number, self.sends = self.sends, self.sends + 1
        if number == self.send_fails_at and self.random.random() < 0.5:
            raise SendError
        await self.pause(2)  # a server's send needs no task: no timeouts there
        if number == self.send_fails_at:
            raise SendError

    def say(self) -> bytes:
        self.farewells += 1
        return BYE

    async def say_later(self) -> bytes:
        await self.pause(2)
        return self.say()

    async def respond(self) -> int:
        response = EventSourceResponse(self.generator())
        interval = self.random.choice([None, 0.001, 0.0005])
        response.ping_interval = interval
        response.shutdown_grace_period = self.random.choice([0, 0, 0.001])
        response.farewell = {None: None, "now": self.say, "later": self.say_later}[self.says]
        await response(self.wire.scope, self.wire.receive, self.wire.send)
        return asyncio.current_task().cancelling()

    async def run(self) -> list[str]:
        task = asyncio.create_task(self.respond())
        for _ in range(self.random.randrange(12)):
            await asyncio.sleep(self.random.choice([0, 0, 0.001]))
        if self.fate in {"leave", "both"}:
            self.wire.leave()
        if self.fate == "drain":
            await drain()
        if self.fate in {"cancel", "both", "twice"}:
            task.cancel()
        if self.fate == "twice":
            await asyncio.sleep(0)
            task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait([task])
        sent = len(self.wire.messages)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.sleep(0.002)
        faults = self.faults(task)
        if len(self.wire.messages) > sent:
            faults.append("sent after the return")
        if others:
            faults.append(f"left tasks behind: {others}")
        return faults

    def faults(self, task: asyncio.Task[int]) -> list[str]:
        error = None if task.cancelled() else task.exception()
        sent, whole = self.wire.body.replace(b": ping\n\n", b""), b"".join(self.yielded)
        body = sent.replace(BYE, b"")
        raised = self.raises_at is not None and self.closed and len(self.yielded) == self.raises_at
        faults = []
        if self.entered and self.closed != 1:
            faults.append(f"closed {self.closed} times")
        if not whole.startswith(body):
            faults.append("the body is not a prefix of what was yielded")
        if self.wire.ended and error is not None:
            faults.append("ended as if there was no error")
        if sent.count(BYE) > self.farewells or self.farewells > (self.fate == "drain"):
            faults.append("a farewell that nobody said")
        if self.wire.ended and body != whole and not sent.count(BYE):
            faults.append("ended as if complete")
        if error is None and not task.cancelled() and task.result():
            faults.append("left a cancellation request behind")
        if self.fate == "none" and self.send_fails_at is None:
            expected = GeneratorError if raised and self.items > self.raises_at else type(None)
            if type(error) is not expected or body != whole:
                faults.append(f"undisturbed, yet {error!r}, {body!r}")
        return faults


@pytest.mark.parametrize("loop", loops.ALL_LOOPS.values(), ids=loops.ALL_LOOPS)
@pytest.mark.parametrize("kind", ["server", "stranger"])
def test_whatever_the_order_of_events(loop, kind, monkeypatch, caplog):
    """Closed once, a prefix of whole frames, no task, no send and no log afterwards."""
    if kind == "server":
        monkeypatch.setattr(_outbox, "server_send", lambda send: send)

    async def main():
        return {seed: found for seed in range(STREAMS) if (found := await Scenario(seed).run())}

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(main()) == {}
    assert not caplog.records
