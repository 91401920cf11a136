"""What is closed, and when."""

import asyncio
import contextlib

import pytest

from ai_helpers import SDKStream, SyncSDKStream, Tokens, read
from eventwire.ai import Finish


def test_the_end_closes_the_iterator(make):
    tokens = Tokens("a")
    read(make(tokens))
    assert tokens.closed == 1


@pytest.mark.parametrize("kind_of_stream", [SDKStream, SyncSDKStream])
@pytest.mark.parametrize("items", [["a"], ["a", RuntimeError()], ["a", Finish(), "b"], ["a", None]])
def test_the_stream_of_an_sdk_is_closed(make, kind_of_stream, items, caplog):
    stream = kind_of_stream(*items)
    read(make(stream))
    assert stream.closed == 1


@pytest.mark.parametrize("kind_of_stream", [SDKStream, SyncSDKStream])
def test_the_stream_of_an_sdk_is_closed_if_nothing_was_read(make, kind_of_stream):
    async def main():
        source = kind_of_stream("a")
        stream = make(source)
        await stream.aclose()
        await stream.aclose()
        return source.closed, [event async for event in stream]

    assert asyncio.run(main()) == (1, [])


def test_closing_reaches_the_generator_at_once(make):
    closed = []

    async def tokens():
        try:
            yield "a"
            await asyncio.sleep(60)
        finally:
            closed.append(True)

    async def main():
        stream = make(tokens())
        await anext(stream)
        await stream.aclose()
        assert closed == [True]

    asyncio.run(main())


def test_cancelling_reaches_the_generator_at_once(make):
    ended = []

    async def tokens():
        try:
            yield "a"
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            ended.append(type(error))
            raise

    async def main():
        async def consume():
            async for _ in make(tokens()):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert ended == [asyncio.CancelledError]

    asyncio.run(main())
