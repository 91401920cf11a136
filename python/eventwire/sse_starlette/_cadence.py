"""Pings at a fixed cadence, also while events flow, as sse-starlette sends them."""

from __future__ import annotations

from typing import Any

from eventwire._keepalive import KeepAlive


class Cadence(KeepAlive):
    """Posts what ``message()`` returns every ``interval`` seconds.

    While a send is blocked at most one ping waits behind it.
    """

    __slots__ = ("_waits",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waits = False

    def _fire(self) -> None:
        if not (self._waits and self._outbox.busy):
            self._waits = self._outbox.busy
            try:
                message = self._message()
            except Exception as error:  # noqa: BLE001  # the user's function: ends the stream
                self._failed(error)
                return
            self._outbox.insert(message)
            if self._outbox.error is not None:
                return
        self.start()
