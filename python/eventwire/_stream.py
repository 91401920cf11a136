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
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from eventwire._core import Driver, Encoder, Slicer
from eventwire._keepalive import KeepAlive
from eventwire._outbox import Outbox
from eventwire._pump import AsyncDrive, close
from eventwire._threads import ThreadDrive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from typing import Literal

    from starlette.types import Message, Receive, Send

KEEPALIVE_COMMENT = b": ping\n\n"

_log = logging.getLogger("eventwire")


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

    def drive(self, *, coalesce: bool) -> AsyncDrive | ThreadDrive:
        """Make what brings the items to an outbox; one message for each unless ``coalesce``."""
        if self.iterator is not None:
            driver = Driver(
                self.iterator, self.encoder, frames_are=self.frames_are, invalid=self.invalid
            )
            return AsyncDrive(self.iterator, driver, coalesce=coalesce)
        assert self.iterable is not None
        slicer = Slicer(
            self.iterable,
            self.encoder,
            frames_are=self.frames_are,
            invalid=self.invalid,
            coalesce=coalesce,
        )
        return ThreadDrive(slicer)

    async def close_unstarted(self) -> None:
        """Close it before anything was asked of it."""
        await close(self.iterator)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one stream; times in seconds."""

    ping_interval: float | None
    ping: Callable[[], bytes]
    coalesce: bool = True
    send_timeout: float | None = None
    cleanup_timeout: float = 30.0


class Stream:
    """Sends what a source yields as the body of a response.

    ``start``, if given, is the start of the response, to be sent with the first bytes of the
    body; otherwise the response has started.
    """

    def __init__(
        self, source: Source, send: Send, settings: Settings, *, start: Message | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._drive = source.drive(coalesce=settings.coalesce)
        self._outbox = Outbox(
            send,
            self._loop,
            pending=self._drive.take,
            failed=self.close,
            start=start,
            timeout=settings.send_timeout,
        )
        self._cleanup_timeout = settings.cleanup_timeout
        self._keepalive = (
            None
            if settings.ping_interval is None
            else KeepAlive(
                self._outbox,
                self._loop,
                interval=settings.ping_interval,
                message=settings.ping,
                failed=self._outbox.fail,
            )
        )
        self.left = False
        """Whether the client has left before the end."""
        self.closing = False
        self._ended = False
        self._started = False
        self._listening = False
        self._released = False
        self._error: BaseException | None = None
        self._pump: asyncio.Task[None] | None = None
        self._request: asyncio.Task[Any] | None = None

    @property
    def send_error(self) -> BaseException | None:
        """The error of a send, as opposed to one of the generator."""
        return self._outbox.error

    async def run(self, receive: Receive | None) -> None:
        """Stream until the generator ends, fails or the client leaves.

        Without ``receive`` only a failing send tells that the client has left.

        Raises what the generator or the encoder raised, bare; else what ``send`` raised. A
        cancellation of this task is raised again once the generator is closed.
        """
        self._request = asyncio.current_task()
        self._listening = receive is not None
        if self._keepalive is not None:
            self._keepalive.start()
        pump = self._loop.create_task(self._iterate())
        self._pump = pump
        pump.add_done_callback(self._release)
        try:
            try:
                if receive is not None:
                    await self._listen(receive, pump)
                else:
                    await asyncio.wait([pump])
            except BaseException:
                self.close()
                await self._join(pump)
                self._raise_error(pump)
                raise
            if not self._ended and not pump.done():
                self.left = receive is not None
                self.close()
            await self._join(pump)
            self._raise_error(pump)
            if self.send_error is not None:
                raise self.send_error
            if pump.cancelled() and not self.closing:
                raise asyncio.CancelledError
        finally:
            self._forget()

    def close(self) -> None:
        """Have the pump close the generator, at once."""
        if self._keepalive is not None:
            self._keepalive.stop()
        if self.closing or (self._pump is not None and self._pump.done()):
            return
        self.closing = True
        # A pump that has not taken its first step looks at `closing` there; cancelled now it
        # would never run, and never clean up.
        if self._started and self._pump is not None:
            self._pump.cancel()

    async def _listen(self, receive: Receive, pump: asyncio.Task[None]) -> None:
        """Wait for the disconnect, or for the end of the pump, which cancels the wait."""
        assert self._request is not None
        cancelling = self._request.cancelling()
        try:
            while not pump.done():
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                # A server that always answers at once must not keep the loop.
                await asyncio.sleep(0)
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

    async def _join(self, pump: asyncio.Task[None]) -> None:
        """Wait for the pump, whatever happens to this task meanwhile.

        A generator whose cleanup takes longer than ``cleanup_timeout`` is left alone, with a
        warning in the log: the request ends without it.
        """
        cancelled: asyncio.CancelledError | None = None
        deadline = self._loop.time() + self._cleanup_timeout
        with anyio.CancelScope(shield=True):
            while not pump.done():
                left = None
                if self.closing and (left := deadline - self._loop.time()) <= 0:
                    _log.warning(
                        "the generator of a stream did not end %s s after it was closed; "
                        "the request ends without it",
                        self._cleanup_timeout,
                    )
                    break
                try:
                    await asyncio.wait([pump], timeout=left)
                except asyncio.CancelledError as error:
                    cancelled = error
                    self.close()
            if not self._started and pump.done():
                # Cancelled by a stranger before its first step.
                await self._drive.aclose()
        if cancelled is not None:
            self._raise_error(pump)
            raise cancelled

    def _raise_error(self, pump: asyncio.Task[None]) -> None:
        """Raise the error of the generator, of the encoder, or of the cleanup."""
        error = self._error
        if pump.done() and not pump.cancelled():
            outcome = pump.exception()  # always asked for, else asyncio logs it
            error = error or outcome
        if error is not None and not isinstance(error, asyncio.CancelledError):
            try:
                raise error
            finally:
                del error  # the traceback refers to this frame

    def _forget(self) -> None:
        """Drop what refers back to this object: streams are freed without the collector."""
        self._error = self._pump = self._request = self._keepalive = None
        self._outbox.forget()

    async def _iterate(self) -> None:
        if self._pump is None:
            # An eager task, inside create_task: nobody listens yet, and who has left already must
            # not start the generator.
            await asyncio.sleep(0)
        self._started = True
        try:
            if await self._bring():
                await self._outbox.drain()
                if not self.closing:
                    self._ended = True
                    if self._keepalive is not None:
                        self._keepalive.stop()
                    self._outbox.post(b"", more=False)
                    await self._outbox.drain()
        finally:
            if self._keepalive is not None:
                self._keepalive.stop()
            await self._outbox.abort()

    async def _bring(self) -> bool:
        """Bring all items to the outbox; close the source unless it ended by itself."""
        if self.closing:
            await self._drive.aclose()
            return False
        finished = False
        try:
            finished = await self._drive.run(self._outbox, self)
        except BaseException as error:
            # What was yielded before an error still arrives; then the body is cut.
            self._outbox.flush()
            if self.closing or _is_delivered_cancellation(error):
                raise
            self._error = error
            await self._drive.aclose()
            await self._outbox.drain()
            raise
        finally:
            if not finished and self._error is None:
                await self._drive.aclose()
        return finished


def _is_delivered_cancellation(error: BaseException) -> bool:
    """Whether somebody cancelled the task, as opposed to a generator that raises it by itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())
