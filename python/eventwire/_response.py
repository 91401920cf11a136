"""The response class: headers, and which way a stream goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from eventwire._core import Driver, Encoder
from eventwire._pump import close
from eventwire._shutdown import opened
from eventwire._source import Source
from eventwire._stream import Stream
from eventwire._threads import ThreadedIterator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send

_COMPACT = Encoder()


class EventSourceResponse(StreamingResponse):
    """Streams server-sent events from an async or a sync iterable.

    Each item becomes one event: a ``ServerSentEvent`` with the fields it declares, ``bytes`` and
    ``memoryview`` as frames that are encoded already, anything else as compact JSON in ``data``
    (what ``pydantic_core.to_json`` writes, with aliases, non-finite floats as null).

    The stream is coalesced: the first event leaves at once, later ones when the generator
    suspends or 0.2 ms or 64 KiB are used up; the bytes are the same. After 15 s without any
    bytes a comment keeps the connection alive. When the client leaves the generator is closed
    at once; when it fails the events before the failure are delivered, the body is cut and the
    exception propagates as it is. Sync iterables run in worker threads.

    When the server stops the generator may end by itself for ``shutdown_grace_period`` seconds,
    then it is closed. The body ends cleanly if it ended by itself or a ``farewell`` was sent, and
    is cut otherwise; see :func:`eventwire.drain`.

    Args:
        content: async or sync iterable of items.
        status_code: HTTP status.
        headers: further headers; ``cache-control: no-cache`` and ``x-accel-buffering: no`` are
            added unless given.
        media_type: replaces ``text/event-stream``.
        background: task that runs after the stream.

    Raises:
        TypeError: ``content`` is neither an async nor a sync iterable, or is a ``str`` or
            ``bytes``.
    """

    media_type = "text/event-stream"
    shutdown_grace_period: float = 0.0
    """Seconds that a generator has to end by itself when the server stops; then it is closed.

    If it has not ended 0.5 s after that, or the client has not read the end, the request returns
    without it.
    """
    farewell: Callable[[], Any] | None = None
    """Called when the server stops; returns the item to send then, or an awaitable of it.

    None sends nothing. An error, also of encoding the item, is logged and the body is cut.
    """
    drain_on_shutdown: bool = True
    """False: the server's stop leaves the stream alone, however long it takes."""
    _frames_are: ClassVar[Literal["nothing", "bytes", "text"]] = "bytes"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        if isinstance(content, str | bytes | bytearray | memoryview) or not (
            isinstance(content, AsyncIterable | Iterable) or hasattr(content, "__getitem__")
        ):
            raise TypeError(
                "content must be an async or sync iterable of events, for example a generator, "
                f"not {type(content).__name__}"
            )
        self._content = content
        # What the response sends, as frames: for code that wraps `body_iterator`. Iterated only
        # if somebody does; while it is in place the pump takes the content itself.
        self._offered = _Frames(content, self._encoder(), self._frames_are, self._invalid({}))
        super().__init__(self._offered, status_code, headers, media_type, background)
        self.headers.setdefault("Cache-Control", "no-cache")
        # nginx buffers responses unless told not to.
        self.headers.setdefault("X-Accel-Buffering", "no")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http" or not _in_asyncio_task():
            # trio, and the denial of a WebSocket: Starlette's own loop over the frames.
            await super().__call__(scope, receive, send)
            return
        source = self._source(scope)
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        stream = Stream(
            source,
            send,
            ping_interval=self._ping_interval(),
            shutdown_grace_period=self.shutdown_grace_period,
            farewell=self.farewell,
            drain_on_shutdown=self.drain_on_shutdown,
        )
        # Before the start: from then on the server waits for the stream when it stops.
        open_streams = opened(stream) if stream.drain_on_shutdown else None
        try:
            try:
                await send(start)
            except BaseException:
                await source.close_unstarted()
                raise
            await stream.run(receive)
        except OSError as error:
            # From ASGI HTTP spec 2.4 on, a send to a client that has left raises OSError.
            if error is stream.send_error and _spec_version(scope) >= (2, 4):
                raise ClientDisconnect from error
            raise
        finally:
            if open_streams is not None:
                open_streams.discard(stream)
        if self.background is not None:
            await self.background()

    def _source(self, scope: Scope) -> Source:
        iterator: AsyncIterator[Any] | None = None
        iterable: Iterable[Any] | None = None
        replaced = self.body_iterator is not self._offered
        content = cast("AsyncIterable[Any]", self.body_iterator) if replaced else self._content
        if isinstance(content, AsyncIterable):
            iterator = content.__aiter__()
        else:
            iterable = content
        return Source(
            iterator,
            iterable,
            self._encoder(),
            "text" if replaced else self._frames_are,
            self._invalid(scope),
        )

    def _encoder(self) -> Encoder:
        return _COMPACT

    def _invalid(self, scope: Scope) -> Callable[[Any, Any], BaseException] | None:  # noqa: ARG002
        return None

    def _ping_interval(self) -> float | None:
        return 15.0


class _Frames:
    """Frames in the plain way, one per item, in the task of whoever iterates them.

    It costs nothing until it is used, and does not refer to its response: no cycle.
    """

    __slots__ = ("_content", "_encoder", "_frames_are", "_invalid")

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        encoder: Encoder,
        frames_are: Literal["nothing", "bytes", "text"],
        invalid: Callable[[Any, Any], BaseException] | None,
    ) -> None:
        self._content = content
        self._encoder = encoder
        self._frames_are: Literal["nothing", "bytes", "text"] = frames_are
        self._invalid = invalid

    async def __aiter__(self) -> AsyncIterator[bytes]:
        source = (
            self._content.__aiter__()
            if isinstance(self._content, AsyncIterable)
            else ThreadedIterator(self._content)
        )
        driver = Driver(source, self._encoder, frames_are=self._frames_are, invalid=self._invalid)
        try:
            async for item in source:
                yield driver.frame(item)
        finally:
            await close(source)


def _in_asyncio_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


def _spec_version(scope: Scope) -> tuple[int, ...]:
    return tuple(map(int, scope.get("asgi", {}).get("spec_version", "2.0").split(".")))
