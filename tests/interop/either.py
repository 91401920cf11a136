"""Sync and async clients in one form, so that a test is written once."""

import asyncio
import contextlib


def run(coroutine):
    """Run a coroutine, with an end to all patience."""
    return asyncio.run(asyncio.wait_for(coroutine, 30))


async def awaited(value):
    """Return what a function of an async client, or of a sync one, comes to."""
    return await value if hasattr(value, "__await__") else value


async def items(stream):
    """Iterate a sync or an async stream."""
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            yield item
    else:
        for item in stream:
            yield item


@contextlib.asynccontextmanager
async def opened(manager):
    """Enter a sync or an async context."""
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value
