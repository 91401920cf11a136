"""Async iterators of every kind: what `__anext__` may return, and what is closed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import types

import anyio
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


class Closable:
    """Counts how often it is closed."""

    def __init__(self, items=(), *, ends=True):
        self.items = list(items)
        self.ends = ends
        self.closed = 0

    async def step(self):
        if self.items:
            item = self.items.pop(0)
            if isinstance(item, Exception):
                raise item
            return item
        if self.ends:
            raise StopAsyncIteration
        return await asyncio.Event().wait()

    async def aclose(self):
        await asyncio.sleep(0)
        self.closed += 1


class IsItsIterator(Closable):
    """As aiostream's streamers and anyio's receive streams are."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.step()


class HandsOutAnother(Closable):
    """Only iterable: others may be iterating it, too."""

    def __aiter__(self):
        self.iterator = IsItsIterator(self.items, ends=self.ends)
        return self.iterator


class Closes:
    """A count that tells a list when it is added to."""

    def __init__(self, closed):
        self.closed = closed

    def __add__(self, number):
        self.closed.append(number)
        return self


class Sdk(Closable):
    """As the streams of the AI SDKs are: an iterator whose `__aiter__` is a generator method."""

    def __init__(self, items=(), *, ends=True):
        super().__init__(items, ends=ends)
        self.response_closed = 0
        self.iterator = self.read()

    async def read(self):
        try:
            while True:
                try:
                    item = await self.step()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self.response_closed += 1

    async def __anext__(self):
        return await self.iterator.__anext__()

    async def __aiter__(self):
        async for item in self.iterator:
            yield item

    async def aclose(self):
        await self.iterator.aclose()
        await super().aclose()


async def ended(source, fate):
    """Stream `source` to its fate."""
    wire = Wire()
    task = start(EventSourceResponse(source), wire)
    if fate in {"leave", "cancel"}:
        await until(lambda: wire.body)
        await asyncio.sleep(0.002)
        wire.leave() if fate == "leave" else task.cancel()
    with contextlib.suppress(LookupError, ValueError, asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    return wire


FATES = {
    "end": {"items": [1]},
    "error": {"items": [1, LookupError()]},
    "bad item": {"items": [1, object()]},
    "leave": {"items": [1], "ends": False},
    "cancel": {"items": [1], "ends": False},
}


@pytest.mark.parametrize("fate", FATES)
def test_an_iterator_is_closed_once_however_the_stream_ends(fate):
    """`aclose()` is called if there is one, after the end, too."""

    async def main():
        source = IsItsIterator(**FATES[fate])
        wire = await ended(source, fate)
        assert source.closed == 1
        assert wire.ended is (fate == "end")

    run(main)


@pytest.mark.parametrize("fate", FATES)
def test_an_iterable_that_is_no_iterator_is_left_open(fate):
    """What it hands out is closed; others may be iterating it."""

    async def main():
        source = HandsOutAnother(**FATES[fate])
        await ended(source, fate)
        assert source.iterator.closed == 1
        assert source.closed == 0

    run(main)


@pytest.mark.parametrize("fate", FATES)
def test_a_stream_of_an_sdk_is_closed_with_the_iterator_it_hands_out(fate):
    """The upstream's response is closed at once, and not by the garbage collector."""

    async def main():
        source = Sdk(**FATES[fate])
        await ended(source, fate)
        assert (source.closed, source.response_closed) == (1, 1)

    run(main)


def test_a_stream_of_an_sdk_without_aclose_is_finalised_with_its_response():
    """`close()` is the SDK's own name; the collector is not needed for what it iterates."""

    class Older(Sdk):
        aclose = property()

        async def close(self):
            raise AssertionError

    async def main():
        source, wire = Older([1], ends=False), Wire()
        closed = []
        source.response_closed = Closes(closed)
        gc.disable()
        try:
            task = start(EventSourceResponse(source), wire)
            del source
            await until(lambda: wire.body)
            wire.leave()
            await task
            await until(lambda: closed)
        finally:
            gc.enable()

    run(main)


@pytest.mark.parametrize("source", [IsItsIterator, HandsOutAnother, Sdk])
def test_a_stream_that_is_left_before_it_starts_closes_what_it_would_have_iterated(source):
    """Nothing is asked of it."""

    async def main():
        content = source([1])
        wire = Wire()

        async def receive():
            return {"type": "http.disconnect"}

        await EventSourceResponse(content)(wire.scope, receive, wire.send)
        assert content.items == [1]
        closed = content.iterator if source is HandsOutAnother else content
        assert closed.closed == 1

    run(main)


def test_an_error_of_aclose_is_the_streams_error_and_cuts_the_body():
    """After the end, too: what could not be closed did not end well."""

    class Fails(IsItsIterator):
        async def aclose(self):
            await super().aclose()
            raise LookupError("aclose")

    async def main():
        source, wire = Fails([1]), Wire()
        with pytest.raises(LookupError, match="aclose"):
            await start(EventSourceResponse(source), wire)
        assert source.closed == 1
        assert (wire.body, wire.ended) == (b"data: 1\n\n", False)

    run(main)


@pytest.mark.parametrize("fate", ["end", "leave"])
def test_a_memory_stream_is_closed(fate):
    """Anyio's; a sender learns it, and nothing is left to warn about."""

    async def main():
        sender, receiver = anyio.create_memory_object_stream(3)
        sender.send_nowait(1)
        if fate == "end":
            sender.close()
        await ended(receiver, fate)
        if fate == "leave":
            with pytest.raises(anyio.BrokenResourceError):
                sender.send_nowait(2)
            sender.close()
        assert receiver.statistics().open_receive_streams == 0
        del receiver
        gc.collect()  # a ResourceWarning would be an error

    run(main)


def test_a_clone_of_a_memory_stream_is_closed_alone():
    """The other receivers go on."""

    async def main():
        sender, receiver = anyio.create_memory_object_stream(3)
        sender.send_nowait(1)
        with sender, receiver:
            await ended(receiver.clone(), "leave")
            sender.send_nowait(2)
            assert await receiver.receive() == 2

    run(main)


def test_a_queue_is_iterated_and_loses_nothing_when_the_client_leaves():
    """A class around `asyncio.Queue`, without `aclose`: what was not taken stays in it."""

    class Queue(asyncio.Queue):
        def __aiter__(self):
            return self

        async def __anext__(self):
            return await self.get()

    async def main():
        wire, queue = Wire(), Queue()
        for number in range(3):
            queue.put_nowait(number)
        task = start(EventSourceResponse(queue), wire)
        await until(lambda: b"data: 2" in wire.body)
        wire.leave()
        await task
        queue.put_nowait(3)
        assert await queue.get() == 3

    run(main)


def test_a_body_that_is_iterated_by_others_is_closed_in_the_same_way():
    """`body_iterator`, which middlewares and tests iterate."""

    async def main():
        for source in (IsItsIterator([1]), Sdk([1])):
            response = EventSourceResponse(source)
            assert [frame async for frame in response.body_iterator] == [b"data: 1\n\n"]
            assert source.closed == 1

    run(main)
