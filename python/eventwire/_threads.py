"""Sync iterators, off the event loop: in anyio's worker threads, as Starlette runs them.

:class:`ThreadDrive` is what a stream uses: a worker takes items for a slice of time, see
``slice.rs``. :class:`ThreadedIterator` makes one hop per item, for code that iterates by itself.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.to_thread

from eventwire._core import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from eventwire._core import Slicer
    from eventwire._outbox import Outbox
    from eventwire._pump import Closing

_END = object()

# A busy iterator wakes the loop once; from then on the loop comes back by itself, this many
# seconds apart, until it finds nothing. Waking it for every event would cost a system call and two
# switches of the GIL each.
_COME_BACK = 0.0005


async def _in_worker(step: Callable[..., Any], *arguments: Any) -> Any:
    """Run one step of an iterator in a worker thread.

    Raised through the worker's future, a ``GeneratorExit`` would close the coroutines that wait
    for it. A ``StopAsyncIteration`` would pass for the end of an async iterator; it becomes the
    error that it is in Starlette's loop (PEP 479).
    """

    def run() -> tuple[Any, GeneratorExit | None]:
        try:
            return step(*arguments), None
        except GeneratorExit as error:
            return None, error
        except StopAsyncIteration as error:
            raise RuntimeError("async generator raised StopAsyncIteration") from error

    outcome, error = await anyio.to_thread.run_sync(run)
    if error is not None:
        raise error
    return outcome


class ThreadDrive:
    """Brings the items of a sync iterator to an outbox, in slices of a worker thread's time.

    Between slices, and while the client is slow, the thread is back in its pool.
    """

    def __init__(self, slicer: Slicer) -> None:
        self._slicer = slicer
        self._slice = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self.take = slicer.take

    async def run(self, outbox: Outbox, stream: Closing) -> bool:
        """Iterate until the iterator ends (returns True) or the stream is closing (False)."""
        loop = asyncio.get_running_loop()
        look = functools.partial(self._look, outbox, stream, loop)
        wake = functools.partial(loop.call_soon_threadsafe, look)
        try:
            while not stream.closing:
                outcome = await _in_worker(self._run_slice, wake)
                outbox.flush()
                while outbox.busy:
                    await outbox.freed()
                if outcome is Outcome.END:
                    return True
        finally:
            if self._timer is not None:
                self._timer.cancel()
        return False

    def _run_slice(self, wake: Callable[[], object]) -> Outcome:
        with self._slice:
            return self._slicer.run(wake)

    def _look(self, outbox: Outbox, stream: Closing, loop: asyncio.AbstractEventLoop) -> None:
        """Post what a slice has gathered so far, and come back for more if there was any."""
        self._timer = None
        # A send in flight looks for more itself when it has ended.
        if stream.closing or outbox.busy:
            return
        frames = self.take()
        if frames is not None:
            outbox.post(frames)
            if not stream.closing:
                self._timer = loop.call_later(_COME_BACK, self._look, outbox, stream, loop)

    async def aclose(self) -> None:
        """Close the iterator, if it is a generator, when its running step has ended.

        A step cannot be interrupted. The lock makes the close wait for it, in a worker of its own,
        instead of failing with "generator already executing".
        """
        self._slicer.stop()

        def close() -> None:
            with self._slice:
                self._slicer.close()

        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(close)


class ThreadedIterator:
    """Iterates ``iterable`` in anyio's worker threads, one step at a time.

    ``aclose()`` waits for the step under way, as :class:`ThreadDrive` does.
    """

    __slots__ = ("_closed", "_iterable", "_iterator", "_step")

    def __init__(self, iterable: Iterable[Any]) -> None:
        self._closed = False
        self._iterable = iterable
        self._iterator: Iterator[Any] | None = None
        self._step = threading.Lock()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        item = await _in_worker(self._next)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close the iterator, if it is a generator, once no step is under way."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._close)

    def _next(self) -> Any:
        with self._step:
            if self._closed:
                return _END
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            return next(self._iterator, _END)

    def _close(self) -> None:
        with self._step:
            self._closed = True
            target = self._iterable if self._iterator is None else self._iterator
            if isinstance(target, Generator):
                target.close()
