"""The life of one stream: its tasks, the disconnect, the end and the cleanup.

Two tasks: the *pump's* iterates the generator from its first ``__anext__()`` to ``aclose()``, in
one Context; the *request's* waits in ``receive()`` for the disconnect. A task of its own gives the
pump a shallow stack: under FastAPI about 16 suspended frames lie above a response, and every
wake-up would walk through them.

Ending, in order: ``closing`` is set before the pump is cancelled; the generator is closed by the
pump; a send in flight is cancelled after that and the body is cut; the request's task waits for
the pump, shielded. ``ended`` is set before the final message, because servers answer it with
``http.disconnect``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from eventwire._core import Driver, Encoder, Slicer
from eventwire._keepalive import KeepAlive
from eventwire._outbox import Outbox
from eventwire._pump import AsyncDrive
from eventwire._threads import ThreadDrive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from typing import Literal

    from starlette.types import Receive, Send

KEEPALIVE_COMMENT = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class Source:
    """What is streamed, and how its items become frames.

    ``iterator`` is an async iterator, ``iterable`` a sync iterable: one of them is given.
    """

    iterator: AsyncIterator[Any] | None
    iterable: Iterable[Any] | None
    encoder: Encoder
    frames_are: Literal["nothing", "bytes", "text"]
    invalid: Callable[[Any, Any], BaseException] | None

    def drive(self, failed: Callable[[BaseException], None]) -> AsyncDrive | ThreadDrive:
        """Make what brings the items to an outbox; ``failed`` is told of a send's error."""
        if self.iterator is not None:
            driver = Driver(
                self.iterator, self.encoder, frames_are=self.frames_are, invalid=self.invalid
            )
            return AsyncDrive(self.iterator, driver)
        assert self.iterable is not None
        slicer = Slicer(
            self.iterable, self.encoder, frames_are=self.frames_are, invalid=self.invalid
        )
        return ThreadDrive(slicer, failed)

    async def close_unstarted(self) -> None:
        """Close it before anything was asked of it."""
        aclose = getattr(self.iterator, "aclose", None)
        if aclose is not None:
            await aclose()


class Stream:
    """Sends what a source yields as the body of a response that has started."""

    def __init__(self, source: Source, send: Send, *, ping_interval: float) -> None:
        loop = asyncio.get_running_loop()
        self.closing = False
        self.ended = False
        self.send_error: BaseException | None = None
        """The error of a send, as opposed to one of the generator."""
        self._drive = source.drive(self._send_failed)
        self._outbox = Outbox(send, loop, pending=self._drive.take, failed=self._send_failed)
        self._keepalive = KeepAlive(
            self._outbox,
            loop,
            interval=ping_interval,
            comment=KEEPALIVE_COMMENT,
            failed=self._send_failed,
        )
        self._loop = loop
        self._pump: asyncio.Task[None] | None = None
        self._request: asyncio.Task[Any] | None = None
        self._started = False
        self._listening = False
        self._released = False

    async def run(self, receive: Receive) -> None:
        """Stream until the generator ends, fails or the client leaves.

        Raises what the generator, the encoder or ``send`` raised, bare; a cancellation of this
        task is raised again once the generator is closed.
        """
        self._request = asyncio.current_task()
        self._listening = True
        self._pump = self._loop.create_task(self._iterate())
        self._pump.add_done_callback(self._release)
        self._keepalive.start()
        try:
            await self._listen(receive)
        except BaseException:
            self.close()
            await self._join(self._pump)
            raise
        if not self.ended:
            self.close()
        await self._join(self._pump)
        self._raise_outcome(self._pump)

    def close(self) -> None:
        """Have the pump close the generator, at once."""
        self._keepalive.stop()
        if self.closing or self._pump is None or self._pump.done():
            return
        self.closing = True
        # A pump that has not taken its first step looks at `closing` there; cancelled now it
        # would never run, and never clean up.
        if self._started:
            self._pump.cancel()

    async def _listen(self, receive: Receive) -> None:
        """Wait for the disconnect, or for the end of the pump, which cancels the wait."""
        assert self._request is not None
        assert self._pump is not None
        cancelling = self._request.cancelling()
        try:
            while not self._pump.done():
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
        except asyncio.CancelledError:
            # As asyncio.timeout() does: ours alone is taken back, a stranger's goes on.
            if not (self._released and self._request.uncancel() <= cancelling):
                raise
        else:
            if self._released:
                self._request.uncancel()
        finally:
            self._listening = False

    def _release(self, _pump: asyncio.Task[None]) -> None:
        if self._listening and self._request is not None:
            self._released = True
            self._request.cancel()

    async def _join(self, task: asyncio.Task[None]) -> None:
        """Wait for the pump, whatever happens to this task meanwhile."""
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError as error:
                    cancelled = error
        if not task.cancelled():
            task.exception()  # seen: no "never retrieved" log
        if cancelled is not None:
            raise cancelled

    def _raise_outcome(self, task: asyncio.Task[None]) -> None:
        error = self.send_error
        if error is None and not task.cancelled():
            error = task.exception()
        if error is None and task.cancelled() and not self.closing:
            error = asyncio.CancelledError()
        if error is not None:
            try:
                raise error
            finally:
                del error  # the traceback refers to this frame

    def _send_failed(self, error: BaseException) -> None:
        self.send_error = error
        self.close()

    async def _iterate(self) -> None:
        self._started = True
        outbox = self._outbox
        finished = False
        try:
            try:
                if not self.closing:
                    finished = await self._drive.run(outbox, self)
            except BaseException:
                if not self.closing and outbox.error is None:
                    outbox.flush()
                raise
            finally:
                if not finished:
                    await self._drive.aclose()
            if finished and not self.closing:
                await outbox.drain()
                self.ended = True
                self._keepalive.stop()
                outbox.post(b"", more=False)
                await outbox.drain()
        except Exception:
            # What was yielded before an error still arrives; then the body is cut.
            if not self.closing and outbox.error is None:
                await outbox.drain()
            raise
        finally:
            self._keepalive.stop()
            self.send_error = self.send_error or outbox.error
            await outbox.abort()
