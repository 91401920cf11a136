"""The life of one stream where no asyncio task is running, which is on trio: the plain loop.

``async for item in iterator: await send(frame)``, one message for each item, by anyio's means. The
iterator runs in the request's task, inside a scope that is cancelled when the client leaves, when
``send`` takes too long and when the keep-alive message fails. Cancellation is trio's: a wait that
is under way raises ``Cancelled``, and so does every further one inside of the scope, so that
cleanup that waits must be shielded, as anywhere on trio. A generator that is suspended at a
``yield`` is closed in a scope of its own, shielded for ``cleanup_timeout``.

A stop of the server is not noticed here: the servers that run trio cancel their requests.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from eventwire._core import Driver
from eventwire._outbox import SendTimeoutError
from eventwire._pump import close
from eventwire._threads import ThreadedIterator

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

    from eventwire._source import Source
    from eventwire._stream import Settings

_log = logging.getLogger("eventwire")


class PlainStream:
    """Sends what a source yields as the body of a response; arguments as for ``Stream``."""

    def __init__(
        self, source: Source, send: Send, settings: Settings, *, start: Message | None = None
    ) -> None:
        self._source = source
        self._send = send
        self._settings = settings
        self._start = start
        self._scope = anyio.CancelScope()
        self._door = anyio.Lock()
        self._last = anyio.current_time()
        self._ended = False
        self._error: BaseException | None = None
        self._cancelled = anyio.get_cancelled_exc_class()
        self.left = False
        """Whether the client has left before the end."""
        self.send_error: BaseException | None = None
        """The error of a send, as opposed to one of the generator."""

    async def run(self, receive: Receive | None) -> None:
        """Stream until the generator ends, fails or the client leaves.

        Raises what ``Stream.run`` raises, never in a group.
        """
        async with anyio.create_task_group() as beside:
            if receive is not None:
                beside.start_soon(self._listen, receive)
            if self._settings.ping_interval is not None:
                beside.start_soon(self._keep_alive, self._settings.ping_interval)
            try:
                with self._scope:
                    # Who has left already is noticed before the first step: the others run between.
                    for _ in range(2):
                        await anyio.lowlevel.checkpoint()
                    await self._iterate()
            except self._cancelled:
                raise
            except BaseException as error:  # noqa: BLE001  # raised below, outside of the group
                self._error = error
            beside.cancel_scope.cancel()
        outcome, self._error = self._error or self.send_error, None
        if outcome is not None:
            try:
                raise outcome
            finally:
                del outcome  # the traceback refers to this frame

    async def _iterate(self) -> None:
        source = self._source
        iterator: Any = source.iterator
        if iterator is None:
            assert source.iterable is not None
            iterator = ThreadedIterator(source.iterable)
        frame = Driver(
            iterator, source.encoder, frames_are=source.frames_are, invalid=source.invalid
        ).frame
        try:
            async for item in iterator:
                await self._post(frame(item))
        finally:
            seconds = self._settings.cleanup_timeout
            with anyio.move_on_after(seconds, shield=True) as patience:
                await close(iterator, source.owner)
            if patience.cancelled_caught:
                _log.warning(
                    "the generator of a stream did not end %s s after it was closed; "
                    "its cleanup was cancelled",
                    seconds,
                )
        self._ended = True
        await self._post(b"", more=False)

    async def _post(self, body: bytes, *, more: bool = True) -> None:
        async with self._door:
            try:
                with anyio.move_on_after(self._settings.send_timeout) as patience:
                    if self._start is not None:
                        start, self._start = self._start, None
                        await self._send(start)
                    await self._send(
                        {"type": "http.response.body", "body": body, "more_body": more}
                    )
                if patience.cancelled_caught:
                    raise SendTimeoutError(  # noqa: TRY301
                        f"the client took nothing for {self._settings.send_timeout} s"
                    )
            except self._cancelled:
                raise
            except BaseException as error:
                self.send_error = error
                raise
            self._last = anyio.current_time()

    async def _listen(self, receive: Receive) -> None:
        try:
            while (await receive())["type"] != "http.disconnect":
                # A server that always answers at once must not keep the loop.
                await anyio.lowlevel.checkpoint()
        except self._cancelled:
            raise
        except BaseException as error:  # noqa: BLE001  # raised by run(), outside of the group
            self._error = error
        else:
            self.left = not self._ended
        if not self._ended:
            self._scope.cancel()

    async def _keep_alive(self, interval: float) -> None:
        due = self._last + interval
        while not self._ended:
            await anyio.sleep_until(due)
            if self._door.locked():  # a send in flight is a sign of life
                due = anyio.current_time() + interval
                continue
            due = self._last + interval
            if self._ended or anyio.current_time() < due:
                continue
            try:
                await self._post(self._settings.ping())
            except self._cancelled:
                raise
            except BaseException as error:  # noqa: BLE001  # the user's function or the send
                self._error = error
                self._scope.cancel()
                return


def in_asyncio_task() -> bool:
    """Whether the other way, :class:`eventwire._stream.Stream`, is possible."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
