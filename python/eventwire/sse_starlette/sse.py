"""The response of ``sse_starlette.sse``, on eventwire's pump.

On asyncio a stream is a :class:`eventwire._stream.Stream` like all of ours, with sse-starlette's
frames, its pings and its way of telling a generator that the server stops. A subclass that
overrides one of the private steps (``_ping``, ``_stream_response``, ``_listen_for_disconnect``, …)
gets the plain way: these steps as tasks of their own, each event a send; so does trio.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
from starlette.datastructures import MutableHeaders

from eventwire._outbox import SendTimeoutError
from eventwire._plain import in_asyncio_task
from eventwire._shutdown import opened
from eventwire._source import Source, owner_of
from eventwire._stream import Settings, Stream
from eventwire._threads import ThreadedIterator
from eventwire.sse_starlette._cadence import Cadence
from eventwire.sse_starlette._source import ClosingSource, SenderStream
from eventwire.sse_starlette._status import AppStatus, Watch
from eventwire.sse_starlette._steps import Steps, body
from eventwire.sse_starlette.event import (
    JSONServerSentEvent,
    ServerSentEvent,
    encoder,
    ensure_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from starlette.background import BackgroundTask
    from starlette.types import Message, Receive, Scope, Send


__all__ = [
    "AppStatus",
    "AsyncContentStream",
    "Content",
    "ContentStream",
    "EventSourceResponse",
    "JSONServerSentEvent",
    "SendTimeoutError",
    "ServerSentEvent",
    "SyncContentStream",
    "ensure_bytes",
]

Content: TypeAlias = str | bytes | dict[str, Any] | ServerSentEvent | Any
SyncContentStream: TypeAlias = Iterator[Content]
AsyncContentStream: TypeAlias = AsyncIterable[Content]
ContentStream: TypeAlias = AsyncContentStream | SyncContentStream

logger = logging.getLogger("sse_starlette.sse")

_FOR_EVER = 1e8  # seconds; loops' timers take no infinity


class EventSourceResponse(Steps):
    r"""``sse_starlette.EventSourceResponse``: events from an async iterable or a sync iterator.

    Args:
        content: yields events, dicts (the arguments of an event), ``bytes`` (frames), or anything
            else (``str`` of it is data).
        status_code: HTTP status.
        headers: further headers; ``cache-control: no-store`` is added unless given.
        media_type: the content type.
        background: task that runs after the stream, also after a disconnect.
        ping: seconds between two pings, also while events flow; 0: none; None:
            ``DEFAULT_PING_INTERVAL``.
        sep: how lines end: ``"\r\n"`` (by default), ``"\r"`` or ``"\n"``.
        ping_message_factory: makes each ping; by default a comment with the time.
        data_sender_callable: runs beside the stream and is cancelled with it; its error ends it.
        send_timeout: seconds that a client may take for what is sent; then ``SendTimeoutError``.
        client_close_handler_callable: called with the message when the client has left, before
            the generator is closed.
        shutdown_event: is set when the server stops.
        shutdown_grace_period: seconds that a generator has from then on to end by itself.
        cleanup_timeout: seconds that a request waits for a generator that was told to end; None:
            for ever.

    Raises:
        TypeError: ``ping`` is no number. (That ``content`` cannot be iterated shows when it is.)
        ValueError: ``sep`` is none of the three; a negative ``ping``, ``shutdown_grace_period`` or
            ``cleanup_timeout``.
    """

    DEFAULT_PING_INTERVAL = 15
    DEFAULT_SEPARATOR = "\r\n"
    DEFAULT_CLEANUP_TIMEOUT = 30.0
    coalesce = True
    """Send events that are ready together in one message; a subclass may set False."""

    def __init__(
        self,
        content: ContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = "text/event-stream",
        background: BackgroundTask | None = None,
        ping: float | None = None,
        sep: str | None = None,
        ping_message_factory: Callable[[], ServerSentEvent] | None = None,
        data_sender_callable: Callable[[], Coroutine[None, None, None]] | None = None,
        send_timeout: float | None = None,
        client_close_handler_callable: Callable[[Message], Awaitable[None]] | None = None,
        shutdown_event: anyio.Event | None = None,
        shutdown_grace_period: float = 0,
        cleanup_timeout: float | None = DEFAULT_CLEANUP_TIMEOUT,
    ) -> None:
        if sep is not None:
            encoder(sep)
        self.sep = sep or self.DEFAULT_SEPARATOR
        self.body_iterator: AsyncIterable[Any]
        self._iterable: Any = None
        if isinstance(content, AsyncIterable):
            self.body_iterator = content
        else:
            self._iterable = content
            self.body_iterator = self._offered = ThreadedIterator(content)
        self.status_code = status_code
        self.media_type = self.media_type if media_type is None else media_type
        self.background = background
        self.data_sender_callable = data_sender_callable
        self.send_timeout = send_timeout
        own = MutableHeaders()
        if headers is not None:
            own.update(headers)
        own.setdefault("Cache-Control", "no-store")
        own["Connection"] = "keep-alive"
        own["X-Accel-Buffering"] = "no"  # nginx buffers responses unless told not to
        self.init_headers(own)
        self.ping_interval = self.DEFAULT_PING_INTERVAL if ping is None else ping
        self.ping_message_factory = ping_message_factory
        self.client_close_handler_callable = client_close_handler_callable
        if shutdown_grace_period < 0:
            raise ValueError("shutdown_grace_period must be >= 0")
        self._shutdown_event = shutdown_event
        self._shutdown_grace_period = shutdown_grace_period
        if cleanup_timeout is not None and cleanup_timeout < 0:
            raise ValueError("cleanup_timeout must be >= 0")
        self._cleanup_timeout = cleanup_timeout
        self.active = True
        """False once the client has left or the stream has ended."""

    @property
    def ping_interval(self) -> float:
        """Seconds between two pings; 0: none."""
        return self._ping_interval

    @ping_interval.setter
    def ping_interval(self, value: float) -> None:
        if not isinstance(value, int | float):
            raise TypeError("ping interval must be int or float")
        if value < 0:
            raise ValueError("ping interval must be >= 0 (0 disables ping)")
        self._ping_interval = value

    def enable_compression(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  # theirs
        """Compress the stream: not supported.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("Compression is not supported for SSE streams.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "websocket":
            send = _denying(send)
        if scope["type"] == "http" and scope["method"].upper() == "HEAD":
            await self._send_with_timeout(send, self._start())
            await self._send_with_timeout(send, body(b"", more=False))
        else:
            with _collapsed():
                if scope["type"] == "http" and self._is_ordinary() and in_asyncio_task():
                    await self._stream(receive, send)
                else:
                    await self._run_steps(receive, send)
        if self.background is not None:
            await self.background()

    def _is_ordinary(self) -> bool:
        """Whether no private step is somebody else's."""
        return all(
            getattr(type(self), name) is own and name not in vars(self)
            for name, own in _STEPS.items()
        )

    def _ping_frame(self) -> bytes:
        if self.ping_message_factory is not None:
            return ensure_bytes(self.ping_message_factory(), self.sep)
        return ServerSentEvent(comment=f"ping - {datetime.now(UTC)}", sep=self.sep).encode()

    # The fast way.

    async def _stream(self, receive: Receive, send: Send) -> None:
        is_sync = self._iterable is not None and self.body_iterator is self._offered
        iterator = None if is_sync else aiter(self.body_iterator)
        sender = None if self.data_sender_callable is None else anyio.CancelScope()
        source = ClosingSource(
            iterator,
            self._iterable if is_sync else None,
            encoder(self.sep),
            "nothing",
            None,
            owner_of(iterator, self.body_iterator),
            self._cleanup_timeout,
        )
        cleanup = self._cleanup_timeout
        settings = Settings(
            ping_interval=self._ping_interval or None,
            ping=self._ping_frame,
            keepalive=Cadence,
            coalesce=self.coalesce,
            send_timeout=self.send_timeout,
            # The source has the deadline itself; what is left is cleanup that cannot be cancelled.
            cleanup_timeout=_FOR_EVER if cleanup is None else cleanup + 1,
            shutdown_grace_period=self._shutdown_grace_period,
            farewell=None if self._shutdown_event is None else self._shutdown_event.set,
        )
        stream = SenderStream(source, send, settings)
        stream.sender = sender
        watched = Watch(stream)
        streams = opened(watched, send)
        try:
            with watched:
                if sender is None:
                    await self._run(stream, source, receive, send)
                else:
                    async with anyio.create_task_group() as beside:
                        beside.start_soon(self._send_beside, sender)
                        await self._run(stream, source, receive, send)
                        beside.cancel_scope.cancel()
        finally:
            self.active = False
            streams.discard(watched)

    async def _run(self, stream: Stream, source: Source, receive: Receive, send: Send) -> None:
        try:
            await send(self._start())
        except BaseException:
            await source.close_unstarted()
            raise
        await stream.run(self._listening(receive, stream))

    async def _send_beside(self, scope: anyio.CancelScope) -> None:
        with scope:
            assert self.data_sender_callable is not None
            await self.data_sender_callable()

    def _listening(self, receive: Receive, stream: Stream) -> Receive:
        """Return a ``receive`` that tells of the disconnect before the generator is closed."""

        async def listening() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not stream.ended:
                self.active = False
                if self.client_close_handler_callable is not None:
                    await self.client_close_handler_callable(message)
            return message

        return listening


_STEPS = {
    name: getattr(EventSourceResponse, name)
    for name in (
        "_stream_response",
        "_send_with_timeout",
        "_ping",
        "_listen_for_disconnect",
        "_listen_for_exit_signal",
        "_listen_for_exit_signal_with_grace",
    )
}


def _denying(send: Send) -> Send:
    """Return a ``send`` that denies a WebSocket with this response."""

    async def denying(message: Message) -> None:
        if message["type"].startswith("http.response."):
            message = {**message, "type": f"websocket.{message['type']}"}
        await send(message)

    return denying


@contextmanager
def _collapsed() -> Iterator[None]:
    """Raise the only exception of a group bare, however deep it lies."""
    try:
        yield
    except BaseExceptionGroup as group:
        only: BaseException = group
        while isinstance(only, BaseExceptionGroup) and len(only.exceptions) == 1:
            only = only.exceptions[0]
        if only is group:
            raise
        raise only from only.__cause__
