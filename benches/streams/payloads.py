"""What is streamed: the same objects for every contender."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Item(BaseModel):
    """A flat item."""

    id: int
    name: str
    price: float


class Delta(BaseModel):
    """What a token adds."""

    role: str | None = None
    content: str | None = None


class Choice(BaseModel):
    """One of the answers."""

    index: int
    delta: Delta
    finish_reason: str | None = None


class Chunk(BaseModel):
    """A token of a chat, as OpenAI's API sends it."""

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]


ITEMS = [Item(id=number, name=f"item {number}", price=number * 1.5) for number in range(100)]


def chunk(number: int, created: int = 1_700_000_000) -> Chunk:
    """Make a token."""
    return Chunk(
        id="chatcmpl-123",
        object="chat.completion.chunk",
        created=created,
        model="gpt",
        choices=[Choice(index=0, delta=Delta(content=f" hello {number}"))],
    )


CHUNKS = [chunk(number) for number in range(100)]
TOKEN_FRAMES = [f"data: {token.model_dump_json()}\n\n".encode() for token in CHUNKS]
FRAME = b'data: {"id":1,"name":"item 1","price":1.5}\n\n'


def sized(size: int) -> list[str]:
    """Texts of so many bytes, escapes and line ends among them."""
    text = 'a "quoted" word\n' * (size // 16 + 1)
    return [text[:size]] * 100


async def stream(items: list, n: int, period: float) -> AsyncIterator:
    """Yield n of the items (0: for ever); at once, or each at its time.

    A chunk that is due at a time says so, in ``created``: µs of Unix time. A late one is made late,
    and still says when it was due.
    """
    if not period:
        for number in range(n) if n else itertools.count():
            yield items[number % len(items)]
        return
    offset = time.time() - time.monotonic()
    due = time.monotonic()
    number = 0
    while not n or number < n:
        item = items[number % len(items)]
        if isinstance(item, Chunk):
            item = chunk(number % 100, int((due + offset) * 1e6))
        yield item
        number += 1
        due += period
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def sync_stream(items: list, n: int) -> Iterator:
    """Yield n of the items (0: for ever) at once."""
    for number in range(n) if n else itertools.count():
        yield items[number % len(items)]
