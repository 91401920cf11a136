"""What `__anext__` may return: every kind of awaitable, awaited and cancelled as by `async for`."""

from __future__ import annotations

import asyncio
import contextlib
import types

import pytest

from asgi import Wire, run, start, until
from eventwire import EventSourceResponse
from plain_loop import SOON

pytestmark = pytest.mark.usefixtures("kind")


async def numbers(stop=3):
    for number in range(stop):
        await asyncio.sleep(0)
        yield number


class Counting:
    """Counts to 3; a subclass says how `__anext__` hands a number over."""

    def __init__(self):
        self.count = 0

    def __aiter__(self):
        return self

    async def step(self):
        await asyncio.sleep(0)
        if self.count == 3:
            raise StopAsyncIteration
        self.count += 1
        return self.count - 1


class Coroutines(Counting):
    async def __anext__(self):
        return await self.step()


class GeneratorsOwn(Counting):
    def __init__(self):
        self.generator = numbers()

    def __anext__(self):
        return self.generator.__anext__()


class Awaitables(Counting):
    class Awaitable:
        """Awaits a coroutine in a generator."""

        def __init__(self, coroutine):
            self.coroutine = coroutine

        def __await__(self):
            return (yield from self.coroutine.__await__())

    def __anext__(self):
        return self.Awaitable(self.step())


class Delegating(Counting):
    """`__await__` hands out the coroutine's own wrapper, which is no generator."""

    class Awaitable(Awaitables.Awaitable):
        """Awaits a coroutine by its own wrapper."""

        def __await__(self):
            return self.coroutine.__await__()

    def __anext__(self):
        return self.Awaitable(self.step())


class PlainIterators(Counting):
    """What `__await__` returns has `__next__` and nothing else."""

    class Wait:
        """Waits for a turn, then raises `result`."""

        def __init__(self, result):
            self.turns, self.result = 2, result

        def __await__(self):
            return self

        def __iter__(self):
            return self

        def __next__(self):
            self.turns -= 1
            if self.turns:
                return
            raise self.result

    def __anext__(self):
        if self.count == 3:
            return self.Wait(StopAsyncIteration())
        self.count += 1
        return self.Wait(StopIteration(self.count - 1))


class Futures(Counting):
    def __anext__(self):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if self.count == 3:
            raise StopAsyncIteration
        loop.call_later(0.001, future.set_result, self.count)
        self.count += 1
        return future


class ReadyFutures(Counting):
    def __anext__(self):
        future = asyncio.get_running_loop().create_future()
        if self.count == 3:
            future.set_exception(StopAsyncIteration())
        else:
            future.set_result(self.count)
        self.count += 1
        return future


class Tasks(Counting):
    def __anext__(self):
        if self.count == 3:
            raise StopAsyncIteration
        return asyncio.create_task(self.step())


class OldCoroutines(Counting):
    """Generator-based: `types.coroutine`."""

    @types.coroutine
    def __anext__(self):
        return (yield from self.step().__await__())


EVERY = [
    Coroutines,
    GeneratorsOwn,
    Awaitables,
    Delegating,
    PlainIterators,
    Futures,
    ReadyFutures,
    Tasks,
    OldCoroutines,
]


@pytest.mark.parametrize("source", EVERY)
@pytest.mark.parametrize("coalesce", [True, False])
def test_whatever_anext_returns_is_awaited_as_async_for_does(source, coalesce):
    """The same items, in order, and the same end."""

    async def main():
        assert [item async for item in source()] == [0, 1, 2]
        wire = Wire()
        await start(EventSourceResponse(source(), coalesce=coalesce), wire)
        assert wire.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        assert wire.ended

    run(main)


class Waits:
    """Hands over one number, then waits; `seen` says what became of the wait."""

    expected = ("cancelled",)

    def __init__(self):
        self.count = 0
        self.seen = []

    def __aiter__(self):
        return self

    async def wait(self):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise

    async def step(self):
        self.count += 1
        return self.count if self.count == 1 else await self.wait()


class WaitsInACoroutine(Waits):
    async def __anext__(self):
        return await self.step()


class WaitsInAnAwaitable(Waits):
    def __anext__(self):
        return Delegating.Awaitable(self.step())


class WaitsInATask(Waits):
    def __anext__(self):
        return asyncio.create_task(self.step())


class WaitsForAFuture(Waits):
    def __anext__(self):
        future = asyncio.get_running_loop().create_future()
        self.count += 1
        if self.count == 1:
            future.set_result(1)
        else:
            future.add_done_callback(
                lambda future: self.seen.append("cancelled" if future.cancelled() else "done")
            )
        return future


class WaitsInAnIterator(Waits):
    """There is nothing to throw into: the wait just ends."""

    expected = ()

    def __anext__(self):
        self.count += 1
        if self.count == 1:
            return PlainIterators.Wait(StopIteration(1))
        wait = PlainIterators.Wait(StopIteration(2))
        wait.turns = 0  # never at its end
        return wait


@pytest.mark.parametrize(
    "source",
    [WaitsInACoroutine, WaitsInAnAwaitable, WaitsInATask, WaitsForAFuture, WaitsInAnIterator],
)
@pytest.mark.parametrize("fate", ["leave", "cancel"])
def test_whatever_anext_returned_is_cancelled_when_the_stream_is(source, fate):
    """The wait under way ends at once, once."""

    async def main():
        wire, waits = Wire(), source()
        task = start(EventSourceResponse(waits), wire)
        await until(lambda: wire.body and waits.count == 2)
        await asyncio.sleep(0.002)
        if fate == "leave":
            wire.leave()
        else:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 0.25)
        await asyncio.sleep(0)
        assert waits.seen == list(source.expected)
        assert waits.count == 2
        assert not wire.ended

    run(main)


def test_a_timeout_of_an_iterator_that_is_no_generator_is_its_own():
    """`throw` reaches what `__anext__` awaits, and its exception is its own to handle."""

    class Patient(Counting):
        async def __anext__(self):
            if self.count == 3:
                raise StopAsyncIteration
            self.count += 1
            try:
                async with asyncio.timeout(SOON):
                    await asyncio.Event().wait()
            except TimeoutError:
                return "timeout"

    async def main():
        wire = Wire()
        await start(EventSourceResponse(Patient()), wire)
        assert wire.body == b'data: "timeout"\n\n' * 3
        assert wire.ended

    run(main)
