"""The life of one stream: its tasks, the disconnect, the end and the cleanup.

Two tasks: the *pump's* iterates the generator from its first ``__anext__()`` to ``aclose()``, in
one Context; the *request's* waits in ``receive()`` for the disconnect. A task of its own gives the
pump a shallow stack: under FastAPI about 16 suspended frames lie above a response, and every
wake-up would walk through them.

Ending, in order: ``closing`` is set before the pump is cancelled; the generator is closed by the
pump; a send in flight is cancelled after that and the body is cut; the request's task waits for
the pump, shielded. ``ended`` is set before the final message, because servers answer it with
``http.disconnect``.

A stream whose server stops is *drained* (:mod:`eventwire._shutdown` says when): its generator may
end by itself within a grace period, then it is closed. The body ends cleanly if the generator
ended by itself or a farewell was sent; otherwise it is cut, because a truncated answer must not
look complete. For the server the request ends as after a disconnect: it returns, no
``CancelledError``, and its background task runs. A generator that does not end is left alone
sooner than after a disconnect, because a server that waits for it would not stop.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from eventwire._farewell import Farewell
from eventwire._granian import BODY_TIME, must_be_alone
from eventwire._keepalive import KeepAlive
from eventwire._outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Send

    from eventwire._source import Source

KEEPALIVE_COMMENT = b": ping\n\n"

CLOSING_TIME = 0.5
"""How long a request waits for a generator that was told to end because the server is stopping, and
for a slow client to read the end, in seconds. (Otherwise: ``cleanup_timeout``.)"""

TOLD_TIME = 0.1
"""How long a generator whose task was cancelled by somebody else may take to end before it is
cancelled for the end of its request, in seconds."""

_log = logging.getLogger("eventwire")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one stream; times in seconds."""

    ping_interval: float | None
    ping: Callable[[], bytes]
    coalesce: bool = True
    send_timeout: float | None = None
    cleanup_timeout: float = 30.0
    shutdown_grace_period: float = 0.0
    farewell: Callable[[], Any] | None = None
    drain_on_shutdown: bool = True
    keepalive: type[KeepAlive] = KeepAlive


class Stream:
    """Sends what a source yields as the body of a response.

    Args:
        source: what is streamed.
        send: the response's, as ASGI has it.
        settings: the options.
        start: the start of the response, to be sent with the first bytes of the body; None: the
            response has started.
    """

    def __init__(
        self, source: Source, send: Send, settings: Settings, *, start: Message | None = None
    ) -> None:
        self._source = source
        self._grace_period = settings.shutdown_grace_period
        self._cleanup_timeout = settings.cleanup_timeout
        farewell = settings.farewell
        self._farewell = None if farewell is None else Farewell(farewell, self._post_farewell)
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
        self._keepalive = (
            None
            if settings.ping_interval is None
            else settings.keepalive(
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
        self._over = False  # the source has ended or is closed
        self._close_at: float | None = None  # when draining, in the loop's seconds
        self._timer: asyncio.TimerHandle | None = None
        self._woken: asyncio.Future[None] | None = None
        self._heard: asyncio.Future[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is sent: set before the final message is."""
        return self._ended

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
        if receive is not None and must_be_alone(receive):
            self._heard = self._loop.create_future()
        if self._close_at is not None:
            self._begin_to_end(self._close_at)
        if self._keepalive is not None:
            self._keepalive.start()
        pump = self._loop.create_task(self._iterate())
        self._pump = pump
        pump.add_done_callback(self._release)
        try:
            try:
                if receive is not None:
                    await self._listen(receive, pump)
            except BaseException as error:
                self._leave(error)
                await self._join(pump)
                self._raise_error(pump)
                raise
            if receive is not None and not self._ended and not pump.done():
                self.left = self._close_at is None
                self._leave()
            await self._join(pump)
            self._raise_error(pump)
            if self.send_error is not None:
                raise self.send_error
            if pump.cancelled() and not self.closing:
                pump.result()  # raises the CancelledError that ended it
        finally:
            self._forget()

    def close(self, cause: BaseException | None = None) -> None:
        """Have the pump close the generator, at once; ``cause``: what has ended the request."""
        if self._keepalive is not None:
            self._keepalive.stop()
        if self.closing or (self._pump is not None and self._pump.done()):
            return
        self.closing = True
        # A pump that has not taken its first step looks at `closing` there; cancelled now it
        # would never run, and never clean up.
        if self._started and self._pump is not None:
            self._cancel(self._pump, self._outbox.error if cause is None else cause)

    def _cancel(self, pump: asyncio.Task[None], cause: BaseException | None) -> None:
        if not isinstance(cause, asyncio.CancelledError):
            pump.cancel()
        elif not pump.cancelling():
            pump.cancel(*cause.args[:1])
        else:
            # A loop that stops cancels all tasks: the generator has been told, and a second
            # cancellation would break into its cleanup.
            self._loop.call_later(TOLD_TIME, pump.cancel)

    def _leave(self, cause: BaseException | None = None) -> None:
        """Close: there is nobody left to send anything to."""
        if self._farewell is not None:
            self._farewell.take_back()
        self.close(cause)

    def drain(self, grace_period: float = 0.0) -> float:
        """Begin to end, because the server stops; see :class:`eventwire._shutdown.Drainable`."""
        if self._close_at is None:
            self._close_at = self._loop.time() + max(grace_period, self._grace_period)
            if self._request is not None:
                self._begin_to_end(self._close_at)
        return self._close_at + CLOSING_TIME

    def _begin_to_end(self, close_at: float) -> None:
        if self._farewell is not None and not self.closing and not self._ended:
            self._farewell.say(self._loop)
        if close_at > self._loop.time():
            self._timer = self._loop.call_at(close_at, self._end_grace, close_at)
        else:
            self._end_grace(close_at)

    def _end_grace(self, close_at: float) -> None:
        # Armed before anything else: the generator may do what it likes.
        self._timer = self._loop.call_at(close_at + CLOSING_TIME, self._give_up)
        if not self.closing and not self._over:
            # What was yielded up to now still arrives; what the cleanup yields does not.
            self._outbox.seal()
            self.close()

    def _give_up(self) -> None:
        """Wait no longer, neither for the generator nor for the client."""
        self._timer = None
        self.closing = True
        if self._over and self._pump is not None:
            self._pump.cancel()  # in a send
        elif self._listening and not self._released:
            self._release()
        elif self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _post_farewell(self, item: Any) -> None:
        if not self._ended:
            self._outbox.insert(self._source.frame(item))

    async def _listen(self, receive: Receive, pump: asyncio.Task[None]) -> None:
        """Wait for the disconnect, or for the end of the pump, which cancels the wait."""
        assert self._request is not None
        cancelling = self._request.cancelling()
        try:
            while not pump.done():
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                if self._heard is not None and not self._heard.done():
                    self._heard.set_result(None)
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

    def _release(self, _pump: asyncio.Task[None] | None = None) -> None:
        """Have the request stop listening."""
        if self._listening and not self._released and self._request is not None:
            self._released = True
            self._request.cancel()

    async def _join(self, pump: asyncio.Task[None]) -> None:
        """Wait for the pump, whatever happens to this task meanwhile.

        A generator whose cleanup takes longer than ``cleanup_timeout`` (while the server stops:
        ``CLOSING_TIME``) is left alone, with a warning in the log: the request ends without it.
        """
        cancelled: asyncio.CancelledError | None = None
        deadline = self._loop.time() + self._cleanup_timeout
        with anyio.CancelScope(shield=True):
            while not pump.done():
                left, seconds = None, self._cleanup_timeout
                if self.closing:
                    left = deadline - self._loop.time()
                    if self._close_at is not None and not self._over:
                        seconds = CLOSING_TIME
                        left = min(left, self._close_at + seconds - self._loop.time())
                    if left <= 0:
                        _log.warning(
                            "the generator of a stream did not end %s s after it was closed; "
                            "the request ends without it",
                            seconds,
                        )
                        break
                self._woken = self._loop.create_future()
                try:
                    await asyncio.wait(
                        [pump, self._woken], timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                except asyncio.CancelledError as error:
                    cancelled = error
                    self.close(error)
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
        if self._timer is not None:
            self._timer.cancel()
        if self._farewell is not None:
            self._farewell.take_back()
        self._timer = self._farewell = None
        self._error = self._pump = self._request = self._keepalive = None
        self._outbox.forget()

    async def _iterate(self) -> None:
        if self._pump is None:
            # An eager task, inside create_task: nobody listens yet, and who has left already must
            # not start the generator.
            await asyncio.sleep(0)
        if self._heard is not None:
            await asyncio.wait([self._heard], timeout=BODY_TIME)
        self._started = True
        farewell = self._farewell
        finished = False
        try:
            try:
                finished = await self._bring()
            except asyncio.CancelledError:
                if farewell is None or not self.closing:
                    raise
            if farewell is not None and farewell.asking is not None:
                await asyncio.wait([farewell.asking])
            if finished or (farewell is not None and farewell.said):
                await self._finish(farewell)
        finally:
            self._ended = True  # nothing may be posted any more
            if self._keepalive is not None:
                self._keepalive.stop()
            await self._outbox.abort()

    async def _finish(self, farewell: Farewell | None) -> None:
        """End the body cleanly, unless it is to be cut."""
        await self._outbox.drain()
        # A farewell makes the end of a generator that we closed a clean one, too.
        said = farewell is not None and farewell.said and self._outbox.error is None
        if not self.closing or said:
            self._ended = True
            if self._keepalive is not None:
                self._keepalive.stop()
            self._outbox.post(b"", more=False)
            await self._outbox.drain()

    async def _bring(self) -> bool:
        """Bring all items to the outbox; close the source unless it ended by itself."""
        if self.closing:
            await self._close_source()
            return False
        finished = False
        try:
            finished = self._over = await self._drive.run(self._outbox, self)
        except BaseException as error:
            # What was yielded before an error still arrives; then the body is cut.
            self._outbox.flush()
            if self.closing or _is_delivered_cancellation(error):
                raise
            self._error = error
            await self._close_source()
            await self._outbox.drain()
            raise
        finally:
            if not finished and self._error is None:
                await self._close_source()
        return finished

    async def _close_source(self) -> None:
        try:
            await self._drive.aclose()
        finally:
            self._over = True


def _is_delivered_cancellation(error: BaseException) -> bool:
    """Whether somebody cancelled the task, as opposed to a generator that raises it by itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())
