"""Keep-alive: a comment after a while without any bytes sent.

One timer handle per stream, re-armed lazily: sending does not touch it, and when it fires it
looks at the time of the last send. The comment goes through the outbox, so it can neither cut a
frame nor follow the final message, and the generator is never disturbed (timing out
``__anext__()`` would finalise it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from eventwire._outbox import Outbox


class KeepAlive:
    """Posts ``comment`` whenever nothing was sent for ``interval`` seconds."""

    __slots__ = ("_comment", "_handle", "_interval", "_loop", "_outbox")

    def __init__(
        self,
        outbox: Outbox,
        loop: asyncio.AbstractEventLoop,
        *,
        interval: float,
        comment: bytes,
    ) -> None:
        self._outbox = outbox
        self._loop = loop
        self._interval = interval
        self._comment = comment
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
        # A timer may fire up to one clock tick early; a send in flight is a sign of life.
        if now >= due and not self._outbox.busy:
            self._handle = None
            self._outbox.post(self._comment)
            if self._outbox.error is not None:
                return
        due = self._outbox.last + self._interval
        self._handle = self._loop.call_at(max(due, now + self._interval / 1000), self._fire)
