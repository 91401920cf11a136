"""The response class: headers, options, and which way a stream goes."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, Unpack, cast

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from eventwire import _options
from eventwire._core import Driver, Encoder
from eventwire._plain import PlainStream, in_asyncio_task
from eventwire._pump import close
from eventwire._shutdown import opened
from eventwire._source import Source, owner_of
from eventwire._stream import KEEPALIVE_COMMENT, Settings, Stream
from eventwire._threads import ThreadedIterator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send

_COMPACT = Encoder()
_LINE_SAFE = Encoder(escape_line_separators=True)


class Options(TypedDict, total=False):
    """The options of ``EventSourceResponse``, as keyword arguments."""

    ping_interval: float | None
    ping_message: bytes | Any | Callable[[], Any]
    ping_single_newline: bool
    coalesce: bool
    wait_for_first_event: bool
    send_timeout: float | None
    cleanup_timeout: float
    on_disconnect: Callable[[], Any] | None
    escape_line_separators: bool
    shutdown_grace_period: float
    farewell: Callable[[], Any] | None
    drain_on_shutdown: bool


class EventSourceResponse(StreamingResponse):
    """Streams server-sent events from an async or a sync iterable.

    Each item becomes one event: a ``ServerSentEvent`` with the fields it declares, ``bytes`` and
    ``memoryview`` as frames that are encoded already, anything else as compact JSON in ``data``
    (what ``pydantic_core.to_json`` writes, with aliases, non-finite floats as null).

    The stream is coalesced: the first event leaves at once, later ones when the generator
    suspends or 0.2 ms or 64 KiB are used up; the bytes are the same. After 15 s without any
    bytes a comment keeps the connection alive. When the client leaves the generator is closed
    at once; when it fails the events before the failure are delivered, the body is cut and the
    exception propagates as it is. Sync iterables run in worker threads. A HEAD request gets the
    headers; nothing is asked of the iterable.

    When the server stops the generator may end by itself for ``shutdown_grace_period`` seconds,
    then it is closed. The body ends cleanly if it ended by itself or a ``farewell`` was sent, and
    is cut otherwise; see :func:`eventwire.drain`.

    Args:
        content: async or sync iterable of items. When the stream is over its async iterator is
            closed with ``aclose()``, if it has that, and ``content`` as well if it is an iterator
            itself; a sync one with ``close()`` if it is a generator.
        status_code: HTTP status.
        headers: further headers; ``cache-control: no-cache`` and ``x-accel-buffering: no`` are
            added unless given.
        media_type: replaces ``text/event-stream``.
        background: task that runs after the stream.
        options: see the attributes of the same names. A subclass sets them as class attributes,
            for ``response_class=``; an argument counts for one response.

    Raises:
        TypeError: ``content`` is neither an async nor a sync iterable, or is a ``str`` or
            ``bytes``; an unknown option, or one of a wrong type.
        ValueError: an option is out of its range.
    """

    media_type = "text/event-stream"
    shutdown_grace_period: float = 0.0
    """Seconds that a generator has to end by itself when the server stops; then it is closed.

    If it has not ended 0.5 s after that, or the client has not read the end, the request returns
    without it.
    """
    farewell: Callable[..., Any] | None = None
    """Called when the server stops; returns the item to send then, or an awaitable of it.

    None sends nothing. An error, also of encoding the item, is logged and the body is cut.
    """
    drain_on_shutdown: bool = True
    """False: the server's stop leaves the stream alone, however long it takes."""
    _frames_are: ClassVar[Literal["nothing", "bytes", "text"]] = "bytes"

    ping_interval: float | None = 15.0
    """Seconds without any bytes sent after which the keep-alive message is; None: never."""
    ping_message: bytes | Any | Callable[[], Any] = KEEPALIVE_COMMENT
    """The keep-alive message: bytes, an event, or a function that returns one of them each time.
    What the function raises ends the stream."""
    ping_single_newline: bool = False
    """Leave out the blank line after a keep-alive comment. Some clients, openai-python among
    them, take it for the end of an event without data once they have seen an ``id``."""
    coalesce: bool = True
    """Send events that are ready together in one message; False: each in one of its own."""
    wait_for_first_event: bool = False
    """Hold the status and the headers back until the first event, or the first keep-alive message.
    What is raised before, such as an ``HTTPException``, becomes a response of its own."""
    send_timeout: float | None = None
    """Seconds that a client may take for what is sent before the stream ends with
    ``SendTimeoutError``; None: for ever."""
    cleanup_timeout: float = 30.0
    """Seconds that a request waits for a generator that was told to end."""
    on_disconnect: Callable[..., Any] | None = None
    """Called without arguments (a method of a subclass: with the response), sync or async, when
    the client has left before the end and the generator is closed."""
    escape_line_separators: bool = False
    """Write U+0085, U+2028 and U+2029 in JSON as ``\\uXXXX``, for clients that take them for line
    ends (httpx's ``iter_lines`` does)."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in _options.CHECKS.keys() & vars(cls).keys():
            value = vars(cls)[name]
            # A property or another descriptor is asked when a stream starts.
            if inspect.isroutine(value) or not hasattr(value, "__get__"):
                _options.check(name, value)

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        **options: Unpack[Options],
    ) -> None:
        if isinstance(content, str | bytes | bytearray | memoryview) or not (
            isinstance(content, AsyncIterable | Iterable) or hasattr(content, "__getitem__")
        ):
            raise TypeError(
                "content must be an async or sync iterable of events, for example a generator, "
                f"not {type(content).__name__}"
            )
        for name, value in options.items():
            if name not in _options.CHECKS:
                raise TypeError(f"{type(self).__name__} has no option {name!r}")
            _options.check(name, value)
            setattr(self, name, value)
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
        if scope.get("method") == "HEAD":
            await self._answer_head(scope, send)
        elif scope["type"] != "http":
            # The denial of a WebSocket: Starlette's own loop over the frames.
            await super().__call__(scope, receive, send)
            return
        else:
            await self._stream(scope, receive, send)
        if self.background is not None:
            await self.background()

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        source = self._source(scope)
        start = self._start()
        waits = self.wait_for_first_event
        try:
            settings = self._settings()
            held_back = start if waits else None
            stream: Stream | PlainStream
            discard = None
            if in_asyncio_task():
                stream = Stream(source, send, settings, start=held_back)
                # Before the start: from then on the server waits for the stream when it stops.
                if settings.drain_on_shutdown:
                    discard = partial(opened(stream, send).discard, stream)
            else:
                stream = PlainStream(source, send, settings, start=held_back)
        except BaseException:
            await source.close_unstarted()
            raise
        try:
            try:
                if not waits:
                    await send(start)
            except BaseException:
                await source.close_unstarted()
                raise
            await stream.run(receive if _may_listen(scope) else None)
        except OSError as error:
            # From ASGI HTTP spec 2.4 on, a send to a client that has left raises OSError.
            if error is stream.send_error and _spec_version(scope) >= (2, 4):
                await self._disconnected()
                raise ClientDisconnect from error
            raise
        finally:
            if discard is not None:
                discard()
        if stream.left:
            await self._disconnected()

    async def _answer_head(self, scope: Scope, send: Send) -> None:
        """The status and the headers, which are what GET's would be."""
        source = self._source(scope)
        try:
            await send(self._start())
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await source.close_unstarted()

    def _start(self) -> dict[str, Any]:
        return {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }

    async def _disconnected(self) -> None:
        if self.on_disconnect is None:
            return
        with anyio.CancelScope(shield=True):
            result = self.on_disconnect()
            if inspect.isawaitable(result):
                await result

    def _settings(self) -> Settings:
        interval = self._ping_interval()
        return Settings(
            ping_interval=interval,
            ping=_nothing if interval is None else self._ping(),
            coalesce=self.coalesce,
            send_timeout=self.send_timeout,
            cleanup_timeout=self.cleanup_timeout,
            shutdown_grace_period=self.shutdown_grace_period,
            farewell=self.farewell,
            drain_on_shutdown=self.drain_on_shutdown,
        )

    def _ping(self) -> Callable[[], bytes]:
        """Return what makes the keep-alive message."""
        message = self.ping_message
        if message is KEEPALIVE_COMMENT and not self.ping_single_newline:
            return _keepalive_comment
        encode = self._encoder().encode
        single = self.ping_single_newline

        def encoded(message: Any) -> bytes:
            frame = message if isinstance(message, bytes) else encode(message)
            return _without_blank_line(frame) if single else frame

        if callable(message):
            return lambda: encoded(message())
        frame = encoded(message)
        return lambda: frame

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
            owner_of(iterator, content),
        )

    def _encoder(self) -> Encoder:
        return _LINE_SAFE if self.escape_line_separators else _COMPACT

    def _invalid(self, scope: Scope) -> Callable[[Any, Any], BaseException] | None:  # noqa: ARG002
        return None

    def _ping_interval(self) -> float | None:
        return self.ping_interval

    def _has_chosen(self, name: str) -> bool:
        """Whether an option was given, as an argument or by a subclass."""
        if name in vars(self):
            return True
        owner = next(cls for cls in type(self).__mro__ if name in vars(cls))
        return owner is not EventSourceResponse


def _nothing() -> bytes:
    return b""


def _keepalive_comment() -> bytes:
    return KEEPALIVE_COMMENT


def _without_blank_line(frame: bytes) -> bytes:
    """Leave out the line end that makes a client dispatch.

    Raises:
        ValueError: there is more than comments, which would then be part of the next event.
    """
    lines = frame.splitlines(keepends=True)
    if lines and not lines[-1].strip(b"\r\n"):
        lines.pop()
    if not all(line.startswith(b":") for line in lines):
        raise ValueError(
            f"ping_single_newline goes with a ping_message of comments only, not {frame!r}"
        )
    return b"".join(lines)


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
            await close(source, owner_of(source, self._content))


def _spec_version(scope: Scope) -> tuple[int, ...]:
    return tuple(map(int, scope.get("asgi", {}).get("spec_version", "2.0").split(".")))


def _may_listen(scope: Scope) -> bool:
    """Whether waiting in ``receive()`` takes nothing away from the generator.

    Before ASGI HTTP spec 2.4 it is the only way to learn that the client has left. From then on a
    send fails, and Starlette leaves ``receive()`` alone, because a generator may read the body of
    the request; without a body there is nothing to take away.
    """
    if _spec_version(scope) < (2, 4):
        return True
    announced = {b"content-length", b"transfer-encoding"}
    return scope["method"] == "GET" and not any(name in announced for name, _ in scope["headers"])
