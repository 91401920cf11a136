"""Whether the hypercorn worker that serves a request is stopping.

Workers get no signal: their parent tells them by an event, and each then waits for its requests,
``--graceful-timeout`` seconds at most (from Python 3.12.1 on, where ``asyncio.Server.wait_closed``
waits for connections, as long as there is a stream). Its flag is found by way of ``send``, below
Starlette's own layers; nothing of hypercorn is changed or imported.
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from eventwire._send import innermost

if TYPE_CHECKING:
    from starlette.types import Send


class Worker:
    """Has uvicorn's attribute for it."""

    __slots__ = ("_terminated",)

    def __init__(self, terminated: Any) -> None:
        self._terminated = terminated

    @property
    def should_exit(self) -> bool:
        """Whether the worker has been told to stop."""
        return bool(self._terminated.is_set())


def worker_of(send: Send) -> Worker | None:
    """Return the worker a ``send`` belongs to; None for a stranger's."""
    layer = innermost(send)
    if not isinstance(layer, MethodType):
        return None
    stream = layer.__self__
    if (type(stream).__module__, type(stream).__name__) != _STREAM:
        return None
    terminated = getattr(getattr(stream, "context", None), "terminated", None)
    return Worker(terminated) if hasattr(terminated, "is_set") else None


_STREAM = ("hypercorn.protocol.http_stream", "HTTPStream")
