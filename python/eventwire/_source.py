"""What is streamed, and how its items become frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eventwire._core import Driver, Encoder, Slicer, SseStarletteEncoder
from eventwire._pump import AsyncDrive, close
from eventwire._threads import ThreadDrive, ThreadedIterator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class Source:
    """An iterator with its encoder.

    ``iterator`` is an async iterator, ``iterable`` a sync iterable: one of them is given. ``owner``
    is closed after ``iterator``, see :func:`owner_of`.
    """

    iterator: AsyncIterator[Any] | None
    iterable: Iterable[Any] | None
    encoder: Encoder | SseStarletteEncoder
    frames_are: Literal["nothing", "bytes", "text"]
    invalid: Callable[[Any, Any], BaseException] | None
    owner: object = None

    def drive(self, *, coalesce: bool) -> AsyncDrive | ThreadDrive:
        """Make what brings the items to an outbox; one message for each unless ``coalesce``."""
        if self.iterator is not None:
            driver = Driver(
                self.iterator, self.encoder, frames_are=self.frames_are, invalid=self.invalid
            )
            return AsyncDrive(self.iterator, driver, coalesce=coalesce, owner=self.owner)
        assert self.iterable is not None
        slicer = Slicer(
            self.iterable,
            self.encoder,
            frames_are=self.frames_are,
            invalid=self.invalid,
            coalesce=coalesce,
        )
        return ThreadDrive(slicer)

    def frame(self, item: Any) -> bytes:
        """One item as a frame of this stream, from wherever it comes."""
        return Driver(
            _NOTHING, self.encoder, frames_are=self.frames_are, invalid=self.invalid
        ).frame(item)

    async def close_unstarted(self) -> None:
        """Close it before anything was asked of it."""
        iterable = None if self.iterable is None else ThreadedIterator(self.iterable)
        await close(self.iterator, self.owner, iterable)


def owner_of(iterator: object, content: object) -> object:
    """Return what is to be closed besides the iterator of ``content``: itself or nothing.

    A stream that is an iterator, but hands out another one (the AI SDKs' do), is used up with it.
    What is only iterable may have other iterators, of other requests, and is left open.
    """
    return content if content is not iterator and hasattr(content, "__anext__") else None


class _Nothing:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        raise StopAsyncIteration


_NOTHING = _Nothing()
