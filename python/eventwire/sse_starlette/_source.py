"""How a stream's iterator is closed as sse-starlette does, and its sender with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from eventwire._core import Driver
from eventwire._pump import AsyncDrive, close
from eventwire._source import Source
from eventwire._stream import Stream

if TYPE_CHECKING:
    from eventwire._threads import ThreadDrive

logger = logging.getLogger("sse_starlette.sse")


class SenderStream(Stream):
    """Cancels the sender before the iterator: what it sends into may be closed with that."""

    sender: anyio.CancelScope | None = None

    def close(self, cause: BaseException | None = None) -> None:
        if self.sender is not None:
            self.sender.cancel()
        super().close(cause)


@dataclass(frozen=True, slots=True)
class ClosingSource(Source):
    """Its iterator is closed as sse-starlette does."""

    cleanup_timeout: float | None = None

    def drive(self, *, coalesce: bool) -> AsyncDrive | ThreadDrive:
        if self.iterator is None:
            return super(ClosingSource, self).drive(coalesce=coalesce)
        driver = Driver(self.iterator, self.encoder)
        closing = Closing((self.iterator, self.owner), self.cleanup_timeout)
        return AsyncDrive(closing, driver, coalesce=coalesce)


class Closing:
    """Closes iterators within a time; an error of their cleanup goes to the log.

    It never hides why they are closed: a client that left, a send or an item that failed.
    """

    def __init__(self, iterators: tuple[object, ...], timeout: float | None) -> None:
        self._iterators = iterators
        self._timeout = timeout

    async def aclose(self) -> None:
        with anyio.move_on_after(self._timeout, shield=True) as patience:
            try:
                await close(*self._iterators)
            except Exception:
                logger.exception("the cleanup of a stream's iterator failed")
        if patience.cancel_called:
            logger.warning(
                "the cleanup of a stream's iterator was cancelled after %s s", self._timeout
            )
