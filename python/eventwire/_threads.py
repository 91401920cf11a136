"""Sync iterators as async ones: every step runs in a worker thread, off the event loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_END = object()


class ThreadedIterator:
    """Iterates ``iterable`` in anyio's worker threads, one step at a time.

    A step cannot be interrupted. The lock makes ``aclose()`` wait for the one under way, in a
    worker of its own, instead of failing with "generator already executing".
    """

    __slots__ = ("_iterable", "_iterator", "_step")

    def __init__(self, iterable: Iterable[Any]) -> None:
        self._iterable: Iterable[Any] | None = iterable
        self._iterator: Iterator[Any] | None = None
        self._step = threading.Lock()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            item = await anyio.to_thread.run_sync(self._next)
        except StopAsyncIteration as error:
            # Raised here as it is, it would pass for the end (PEP 479).
            raise RuntimeError("iterator raised StopAsyncIteration") from error
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Call the iterator's ``close()``, if it has one, once no step is under way."""
        target = self._iterator if self._iterator is not None else self._iterable
        if hasattr(target, "close"):
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    def _next(self) -> Any:
        with self._step:
            if self._iterator is None:
                assert self._iterable is not None
                self._iterator = iter(self._iterable)
            return next(self._iterator, _END)

    def _close(self) -> None:
        with self._step:
            target = self._iterator if self._iterator is not None else self._iterable
            close = getattr(target, "close", None)
            if close is not None:
                close()
