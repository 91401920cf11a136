"""What is streamed: the same objects for every contender."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator


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
TEXTS = [f" hello {number}" for number in range(100)]
TOKEN_FRAMES = [f"data: {token.model_dump_json()}\n\n".encode() for token in CHUNKS]
FRAME = b'data: {"id":1,"name":"item 1","price":1.5}\n\n'


def sized(size: int) -> list[str]:
    """Texts of so many bytes, escapes and line ends among them."""
    text = 'a "quoted" word\n' * (size // 16 + 1)
    return [text[:size]] * 100


def burst(items: list, n: int) -> Iterator:
    """Return n of the items (0: for ever), without a frame of Python for each."""
    return itertools.islice(itertools.cycle(items), n or None)


class Pace:
    """The time at which events are due: one each ``period`` seconds, or all at once (0).

    A late event is made late, and the next one is due when it was.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._offset = time.time() - time.monotonic()
        self._due = time.monotonic()

    def items(self, items: list, n: int) -> Iterator:
        """Return n of the items (0: for ever).

        A chunk that is due at a time says so, in ``created``: µs of Unix time.
        """
        if self._period and isinstance(items[0], Chunk):
            return self._stamped(n)
        return burst(items, n)

    def _stamped(self, n: int) -> Iterator[Chunk]:
        for number in range(n) if n else itertools.count():
            yield chunk(number % 100, int((self._due + self._offset) * 1e6))

    def next(self) -> Awaitable[None]:
        """Wait until the next event is due."""
        self._due += self._period
        return asyncio.sleep(max(0.0, self._due - time.monotonic()))


async def stream(items: list, n: int, period: float) -> AsyncIterator:
    """Yield n of the items (0: for ever), at their pace."""
    pace = Pace(period)
    for item in pace.items(items, n):
        yield item
        if period:
            await pace.next()
