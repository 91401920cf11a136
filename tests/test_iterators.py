"""Async iterators that are no generators: what is asked of them, and what is closed."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import anyio
import pytest

from asgi import Wire, run, start, until
from eventwire import EventSourceResponse

pytestmark = pytest.mark.usefixtures("kind")


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
