"""Keep-alive: a comment, or another message, after a while without any bytes sent.

One timer handle per stream, re-armed lazily: sending does not touch it, and when it fires it
looks at the time of the last send. The comment goes through the outbox, so it can neither cut a
frame nor follow the final message, and the generator is never disturbed (timing out
``__anext__()`` would finalise it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from eventwire._outbox import Outbox


class KeepAlive:
    """Posts what ``message()`` returns whenever nothing was sent for ``interval`` seconds.

    ``failed(error)`` is called if it raises.
    """

    __slots__ = ("_failed", "_handle", "_interval", "_loop", "_message", "_outbox")

    def __init__(
        self,
        outbox: Outbox,
        loop: asyncio.AbstractEventLoop,
        *,
        interval: float,
        message: Callable[[], bytes],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._outbox = outbox
        self._loop = loop
        self._interval = interval
        self._message = message
        self._failed = failed
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Arm the timer."""
        self._handle = self._loop.call_later(self._interval, self._fire)

    def stop(self) -> None:
        """Send no further comment."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        now = self._loop.time()
        due = self._outbox.last + self._interval
        # A send in flight is a sign of life: idle time begins anew with the next look.
        if self._outbox.busy:
            due = now + self._interval
        elif now >= due:  # a timer may fire up to one clock tick early
            self._handle = None
            try:
                message = self._message()
            except Exception as error:  # noqa: BLE001  # the user's function: ends the stream
                self._failed(error)
                return
            self._outbox.post(message)
            if self._outbox.error is not None:
                return
            due = self._outbox.last + self._interval
        self._handle = self._loop.call_at(max(due, now + self._interval / 1000), self._fire)
