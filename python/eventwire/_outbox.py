"""The only door to ``send``: frames, keep-alive comments and the final message pass through it.

At most one send is in flight. A send that completes at once, the usual case, costs nothing more
than its call. One that suspends is finished by a helper task, so that the pump can go on waiting
for what the generator waits for. A stranger's ``send`` (see :mod:`eventwire._send`) runs wholly in
a helper task, in a copy of the poster's context.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from eventwire._send import server_send
from eventwire._suspend import resume

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from starlette.types import Message, Send


class SendTimeoutError(TimeoutError):
    """A client did not take what was sent to it for ``send_timeout`` seconds."""


class Outbox:
    """Sends one stream's body, one message at a time.

    ``pending()`` returns frames that gathered while a send was in flight (bytes or None);
    ``failed()`` is called when a send has failed; ``error`` says how. ``start``, if given, is the
    start of the response, to be sent before the first body. ``timeout`` is how long a send may be
    in flight, in seconds.
    """

    __slots__ = (
        "_failed",
        "_free",
        "_helper",
        "_layers",
        "_loop",
        "_native",
        "_pending",
        "_send",
        "_start",
        "_timeout",
        "_timer",
        "error",
        "last",
    )

    def __init__(
        self,
        send: Send,
        loop: asyncio.AbstractEventLoop,
        *,
        pending: Callable[[], bytes | None],
        failed: Callable[[], None],
        start: Message | None = None,
        timeout: float | None = None,
    ) -> None:
        server = server_send(send)
        # The response has started: Starlette's own layers have nothing left to do for its body.
        self._send = send if server is None else server
        self._native = server is not None
        self._layers = send
        self._start = start
        self._timeout = timeout
        self._timer: asyncio.TimerHandle | None = None
        self._loop = loop
        self._pending = pending
        self._failed = failed
        self._helper: asyncio.Task[None] | None = None
        self._free: asyncio.Future[None] | None = None
        self.error: BaseException | None = None
        """The error of the send that failed: the stream cannot go on."""
        self.last = loop.time()
        """When bytes were last handed to the server, in the loop's seconds."""

    @property
    def busy(self) -> bool:
        """A send is in flight: nothing may be posted."""
        return self._helper is not None

    def post(self, body: bytes, *, more: bool = True) -> None:
        """Hand ``body`` to the server.

        An error of the send is never raised here, where it would hit a generator in the middle
        of a step, but kept in ``error`` and told to ``failed``.
        """
        self.last = self._loop.time()
        message = {"type": "http.response.body", "body": body, "more_body": more}
        if not self._native or self._start is not None:
            self._park(self._deliver(message))
            return
        sending = cast("Coroutine[Any, Any, None]", self._send(message))
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except BaseException as error:  # noqa: BLE001  # see above
            self.fail(error)
            return
        self._park(resume(sending, waits_for))

    def flush(self) -> None:
        """Post what is pending, unless a send is in flight: then its end does it."""
        while self._helper is None and self.error is None and (frames := self._pending()):
            self.post(frames)

    def insert(self, frames: bytes) -> None:
        """Post ``frames`` behind what is pending now, before anything that gathers later."""
        self.flush()
        if self._helper is None:
            if self.error is None:
                self.post(frames)
            return
        gathered = (self._pending() or b"") + frames
        pending = self._pending  # only now: it may have been an earlier `first`

        def first() -> bytes | None:
            self._pending = pending
            return gathered

        self._pending = first

    def seal(self) -> None:
        """Take nothing that gathers from now on; what is pending is still posted."""
        self.flush()
        gathered = self._pending()
        self._pending = _nothing
        if gathered:
            self.insert(gathered)

    async def drain(self) -> None:
        """Wait until nothing is in flight and nothing is pending, or a send has failed."""
        self.flush()
        while self._helper is not None:
            await self.freed()
            self.flush()

    def freed(self) -> asyncio.Future[None]:
        """Return a future that is done when the send in flight has ended, well or not."""
        if self._free is None or self._free.done():
            self._free = self._loop.create_future()
            if self._helper is None:
                self._free.set_result(None)
        return self._free

    def forget(self) -> None:
        """Drop the callbacks: the stream is over."""
        self._pending = _nothing
        self._failed = _nothing

    async def abort(self) -> None:
        """Cancel the send in flight and wait for it: the body stays cut."""
        if self._timer is not None:
            self._timer.cancel()
        if (helper := self._helper) is not None:
            self._helper = None
            helper.cancel()
            try:
                await asyncio.wait([helper])
            except asyncio.CancelledError:
                # From Python 3.13 on a group that the generator left asks for a cancellation anew.
                await asyncio.wait([helper])
            if not helper.cancelled():
                helper.exception()  # the stream has ended already: nothing to report it to

    async def _deliver(self, message: Message) -> None:
        if (start := self._start) is not None:
            self._start = None
            await self._layers(start)
        await self._send(message)

    def _park(self, sending: Awaitable[None]) -> None:
        self._helper = self._loop.create_task(cast("Coroutine[Any, Any, None]", sending))
        self._helper.add_done_callback(self._sent)
        if self._timeout is not None:
            self._timer = self._loop.call_later(self._timeout, self._expire, self._helper)

    def _expire(self, helper: asyncio.Task[None]) -> None:
        """End a send that takes too long: the client does not read."""
        if self._helper is helper and not helper.done():
            self._helper = None
            helper.cancel()
            self.fail(SendTimeoutError(f"the client took nothing for {self._timeout} s"))
            if self._free is not None and not self._free.done():
                self._free.set_result(None)

    def _sent(self, helper: asyncio.Task[None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._helper is not helper:
            return  # aborted after it had ended: nothing may follow
        self._helper = None
        if helper.cancelled():
            self.fail(asyncio.CancelledError())
        elif (error := helper.exception()) is not None:
            self.fail(error)
        else:
            self.flush()
        if self._helper is None and self._free is not None and not self._free.done():
            self._free.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Send nothing more, and end the stream with ``error``."""
        self.error = error
        self._failed()


def _nothing() -> None:
    return None
