"""Ends open streams when their server stops.

A server that was told to stop waits for its responses, and a stream may never end. So every
stream registers with its loop before its response starts, and is *drained* when the server stops:
it may end by itself for ``shutdown_grace_period`` seconds, then its generator is closed. How it
ends on the wire is decided in :mod:`eventwire._stream`.

How a stop is noticed:

- On the main thread by the signals (:mod:`eventwire._signals`): uvicorn (command line, ``run``,
  workers, reload) and granian. No timer, no polling.
- Otherwise, where uvicorn serves the loop or hypercorn's worker the stream, by one timer per loop
  that looks at ``Server.should_exit``, or hypercorn's like of it, while streams are open.
- A stream that registers looks at once: a dependency may have been slow, its server may be
  stopping already, and no signal will come again.
- :func:`drain` is for everything else, such as a server that is stopped by other means.

What is registered costs one dictionary entry per stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any, Protocol

from eventwire import _signals
from eventwire._hypercorn import Worker, worker_of
from eventwire._uvicorn import Servers

if TYPE_CHECKING:
    from starlette.types import Send

_LOOK = 0.1
"""Seconds between two looks at ``Server.should_exit``: uvicorn's own."""

_PATIENCE = 0.5
"""How long ``drain()`` waits for a stream beyond the time it must end in, in seconds."""


class Drainable(Protocol):
    """What a stream offers."""

    def drain(self, grace_period: float = 0.0) -> float:
        """Begin to end, within ``grace_period`` seconds or its own, whichever is longer.

        Returns the loop's time at which the request ends at the latest. Never raises; calling it
        again changes nothing.
        """
        ...


class OpenStreams:
    """The open streams of one event loop, each with its uvicorn server if that is known."""

    __slots__ = ("_loop", "_servers", "_streams", "_timer", "_waiting", "_worker")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._streams: dict[Drainable, Any] = {}
        self._servers = _servers_of(loop)
        self._worker: Worker | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[set[Drainable], asyncio.Future[None]]] = []

    def add(self, stream: Drainable, send: Send) -> None:
        """Register a stream; it is drained at once if its server is stopping."""
        looked_at = self._servers.looked_at
        worker = worker_of(send)
        self._worker = worker or self._worker
        server = worker or self._servers.of(asyncio.current_task())
        if not self._streams or self._servers.looked_at != looked_at:
            # The first stream, or there may be another server, with handlers of its own.
            on_signals = _signals.watch(self._tell)
            is_known = bool(self._worker or self._servers)
            if not on_signals and is_known and self._timer is None:
                self._timer = self._loop.call_later(_LOOK, self._look)
        self._streams[stream] = server
        if server is not None and server.should_exit:
            stream.drain()

    def discard(self, stream: Drainable) -> None:
        """Take out a stream that has ended."""
        self._streams.pop(stream, None)
        for waiting, done in self._waiting:
            waiting.discard(stream)
            if not waiting and not done.done():
                done.set_result(None)
        if not self._streams:
            _signals.unwatch(self._tell)
            if self._timer is not None:
                self._timer.cancel()
            _open.pop(self._loop, None)

    async def end(self, grace_period: float) -> None:
        """Drain all streams and wait for them."""
        if not self._streams:
            return
        streams = set(self._streams)
        latest = max(stream.drain(grace_period) for stream in streams)
        waits = (streams, self._loop.create_future())
        self._waiting.append(waits)
        try:
            await asyncio.wait([waits[1]], timeout=latest - self._loop.time() + _PATIENCE)
        finally:
            self._waiting.remove(waits)

    def _tell(self) -> None:
        # Inside a signal handler, between any two steps of the loop's thread.
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        for stream in list(self._streams):
            stream.drain()

    def _look(self) -> None:
        self._timer = self._loop.call_later(_LOOK, self._look)
        for stream, known in list(self._streams.items()):
            # A middleware may hide whose stream it is.
            server = self._worker if known is None else known
            if self._servers.all_stopping() if server is None else server.should_exit:
                stream.drain()


_open: dict[asyncio.AbstractEventLoop, OpenStreams] = {}
_servers: dict[asyncio.AbstractEventLoop, Servers] = {}


def opened(stream: Drainable, send: Send) -> OpenStreams:
    """Register a stream with the running loop; the caller discards it when it has ended.

    ``send`` is the response's, which may tell whose server it is.
    """
    loop = asyncio.get_running_loop()
    streams = _open.get(loop)
    if streams is None:
        streams = _open[loop] = OpenStreams(loop)
    streams.add(stream, send)
    return streams


def _servers_of(loop: asyncio.AbstractEventLoop) -> Servers:
    """What is known of a loop's servers stays when the last stream ends: most have one for ever."""
    servers = _servers.get(loop)
    if servers is None:
        # Loops that were closed, perhaps under open streams.
        for closed in [other for other in list(_servers) if other.is_closed()]:
            _servers.pop(closed, None)
            _open.pop(closed, None)
        servers = _servers[loop] = Servers(loop)
    return servers


async def drain(grace_period: float = 0.0) -> None:
    """End the open streams of the running event loop, and wait until they have ended.

    For servers that do not stop by a signal on the main thread: await it before the server is
    told to stop, for example in the ``shutdown_trigger`` of hypercorn's ``serve()``. Every stream
    ends as if its server stopped: it may end by itself within the grace period, then its
    generator is closed; the body of one that was closed is cut, unless a ``farewell`` was sent.
    Streams with ``drain_on_shutdown=False`` are left alone, and so are those that start later.

    Args:
        grace_period: seconds that generators have to end by themselves; a stream with a longer
            ``shutdown_grace_period`` has that. The wait is bounded: one second more at most.

    Raises:
        ValueError: ``grace_period`` is negative or not finite.
        RuntimeError: no asyncio event loop is running.
    """
    if not math.isfinite(grace_period) or grace_period < 0:
        raise ValueError(f"grace_period must be finite seconds from 0 on, not {grace_period!r}")
    streams = _open.get(asyncio.get_running_loop())
    if streams is not None:
        await streams.end(grace_period)
