"""Drives an async iterator: takes its frames to the outbox and waits for what it waits for.

The pump hands the event loop the very future the generator awaits, so that ``cancel()``, timeouts
and anyio scopes act on the generator as if it ran in the task itself. (Holding that future back
while a send is blocked was tried and rejected: it gives spurious timeouts and cancellations that
cannot be delivered.)
"""

from __future__ import annotations

import asyncio
import contextlib
import types
from typing import TYPE_CHECKING, Any, Protocol

from eventwire._core import Outcome

if TYPE_CHECKING:
    from collections.abc import Generator

    from eventwire._core import Driver
    from eventwire._outbox import Outbox


class Closing(Protocol):
    """Tells a drive to stop asking for items."""

    closing: bool


async def close(*sources: object) -> None:
    """Close each of these objects that can be closed, also if closing one before it fails.

    A task group around the ``yield`` (asyncio's before gh-135736, anyio's) raises the
    ``GeneratorExit`` of a close in an exception group: alone in there it is a close like any other.
    """
    if sources:
        try:
            if (aclose := getattr(sources[0], "aclose", None)) is not None:
                await aclose()
        except* GeneratorExit:
            pass
        finally:
            await close(*sources[1:])


class AsyncDrive:
    """Brings the items of an async iterator to an outbox, in the caller's task.

    ``driver`` advances it; ``source``, the iterator itself or what closes it, is closed at the end,
    and after it ``owner``, what the iterator came from.
    """

    def __init__(
        self,
        source: object,
        driver: Driver,
        *,
        coalesce: bool = True,
        owner: object = None,
    ) -> None:
        self._source = source
        self._owner = owner
        self._closed = False
        self._driver = driver
        self._one_by_one = not coalesce
        self.take = driver.take

    async def run(self, outbox: Outbox, stream: Closing) -> bool:
        """Iterate until the iterator ends (returns True) or the stream is closing (False)."""
        ended = await pump(self._driver, outbox, stream, one_by_one=self._one_by_one)
        if ended:
            await self.aclose()  # anyio's streams, for example, are open after their end
        return ended

    async def aclose(self) -> None:
        """Close the iterator and its owner, if they can be closed and are not yet."""
        if not self._closed:
            self._closed = True
            await close(self._source, self._owner)


@types.coroutine
def pump(
    driver: Driver, outbox: Outbox, stream: Closing, *, one_by_one: bool = False
) -> Generator[object, Any, bool]:
    """Iterate until the generator ends (returns True) or the stream is closing (False).

    ``one_by_one``: each item is posted before the next one is asked for.

    A generator that is closing may still await in its ``finally``; nothing further is asked of
    it. While a send is in flight it may finish its step, but is not resumed for another item.
    """
    outcome: object = driver.advance(None, one_by_one or stream.closing)
    put_off: _PutOff | None = None
    while outcome is not Outcome.END:
        if not stream.closing:
            outbox.flush()
        elif outcome is Outcome.BUDGET:
            return False
        if outcome is Outcome.BUDGET:
            put_off = yield from _pause(driver, outbox, stream, put_off)
            outcome = driver.advance(None, one_by_one or stream.closing)
        else:
            if put_off is not None:
                put_off.request()
                put_off = None
            try:
                value = yield outcome
            except BaseException as error:  # noqa: BLE001  # belongs to the generator
                outcome = driver.throw(error, one_by_one or outbox.busy or stream.closing)
            else:
                outcome = driver.advance(value, one_by_one or outbox.busy or stream.closing)
    return True


def _pause(
    driver: Driver, outbox: Outbox, stream: Closing, put_off: _PutOff | None
) -> Generator[object, Any, _PutOff | None]:
    """Wait between two items; return the cancellation that is put off, if there is one.

    Backpressure, or a checkpoint: other tasks run and a cancellation can arrive. An anyio scope
    cancels again at every turn of the loop, so one that is put off ends the wait for a blocked
    send; the generator goes on until it waits itself, or its buffer is full.
    """
    try:
        if outbox.busy:
            yield from outbox.freed()
        else:
            yield None
    except asyncio.CancelledError as error:
        yield from _let_end(outbox, stream)
        if stream.closing or (outbox.busy and put_off is not None and driver.is_full):
            raise
        return _PutOff(error)
    return put_off


_TURNS = 4
"""Turns of the loop in which sends that wait for nothing are over: one that ends and the one of
what gathered meanwhile, each with a turn to run in and one to be told of its end."""


def _let_end(outbox: Outbox, stream: Closing) -> Generator[None, None, None]:
    """Give a send in flight its turns: in the plain loop it would not have waited."""
    for _ in range(_TURNS):
        if outbox.busy and not stream.closing:
            # One that comes now is for the generator, too, or the stream's own: `closing` tells.
            with contextlib.suppress(asyncio.CancelledError):
                yield None


class _PutOff:
    """A cancellation of the current task, to be requested anew.

    Raises ``error`` at once if it was not requested: then there is nobody to take it back.
    """

    def __init__(self, error: asyncio.CancelledError) -> None:
        task = asyncio.current_task()
        if task is None or not (requests := task.cancelling()):
            raise error
        self._task = task
        self._requests = requests
        self._message = error.args[:1]  # the error itself refers to frames that refer to this

    def request(self) -> None:
        """Have the next wait cancelled, unless the request was taken back meanwhile."""
        if self._task.cancelling() >= self._requests:
            self._task.cancel(*self._message)
            self._task.uncancel()
