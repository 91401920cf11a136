"""Events in sse-starlette's form: ``sse_starlette.event``.

The order of the fields is comment, id, event, data, retry, lines end with CRLF unless told
otherwise, ``data`` and ``comment`` are what ``str`` says, and line ends are taken out of ``id`` and
``event``.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from eventwire import _core

__all__ = ["JSONServerSentEvent", "ServerSentEvent", "ensure_bytes"]


class ServerSentEvent:
    r"""An event with the arguments and the attributes of ``sse_starlette.ServerSentEvent``.

    Args:
        data: what ``str`` says of it is sent, a line of the field for each of its lines; None: no
            such field.
        event: the event's name, without CR and LF.
        id: the event's id, without CR and LF.
        retry: reconnection time in ms.
        comment: lines that clients ignore.
        sep: how lines end, ``"\r\n"``, ``"\r"`` or ``"\n"``; None: ``DEFAULT_SEPARATOR``.

    Nothing is checked before it is encoded.
    """

    DEFAULT_SEPARATOR = "\r\n"

    def __init__(
        self,
        data: Any | None = None,
        *,
        event: str | None = None,
        id: str | None = None,
        retry: int | None = None,
        comment: str | None = None,
        sep: str | None = None,
    ) -> None:
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry
        self.comment = comment
        self._sep = self.DEFAULT_SEPARATOR if sep is None else sep

    def encode(self) -> bytes:
        """Return the event as bytes, with the blank line after it.

        Raises:
            TypeError: ``event`` or ``id`` is no ``str``, ``retry`` no ``int``.
            ValueError: U+0000 in ``id``, a negative ``retry``, another ``sep``.
        """
        return encoder(self._sep).event(self.data, self.event, self.id, self.retry, self.comment)


class JSONServerSentEvent(ServerSentEvent):
    """An event whose data is JSON, by ``json.dumps``: compact, not ASCII only, no NaN.

    Args:
        data: what is serialized; None: no data.
        args: as for ``ServerSentEvent``.
        kwargs: as for ``ServerSentEvent``.

    Raises:
        TypeError: ``data`` cannot be serialized.
        ValueError: it holds a NaN or an infinity, or itself.
    """

    def __init__(self, data: Any | None = None, *args: Any, **kwargs: Any) -> None:
        if data is not None:
            data = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        super().__init__(data, *args, **kwargs)


def ensure_bytes(data: Any, sep: str) -> bytes:
    """Return an item of a stream as a frame.

    ``bytes`` and ``memoryview`` are frames already, a dict is the arguments of an event (its own
    ``sep`` does not count), anything else is what ``str`` says. Events of eventwire's own and of
    FastAPI's are written in their own form.
    """
    if isinstance(data, bytes | memoryview):
        return bytes(data)
    if isinstance(data, _events()):
        return bytes(cast("ServerSentEvent", data).encode())
    if isinstance(data, dict):
        return ServerSentEvent(**{**data, "sep": sep}).encode()
    if isinstance(data, _others_events()):
        return _DEFAULT.encode(data)
    return ServerSentEvent(str(data), sep=sep).encode()


def encoder(sep: str) -> _core.SseStarletteEncoder:
    """Return the encoder of frames with this separator.

    Raises:
        ValueError: ``sep`` is no line end.
    """
    found = _ENCODERS.get(sep) if isinstance(sep, str) else None
    if found is None:
        raise ValueError(f"sep must be one of: \\r\\n, \\r, \\n, got: {sep!r}")
    return found


def _encoder(sep: str) -> _core.SseStarletteEncoder:
    return _core.SseStarletteEncoder(sep, lambda item: ensure_bytes(item, sep))


def _events() -> tuple[type, ...]:
    """Return the classes whose objects encode themselves: ours, and sse-starlette's."""
    theirs = getattr(sys.modules.get("sse_starlette.event"), "ServerSentEvent", ServerSentEvent)
    return (ServerSentEvent, theirs)


def _others_events() -> tuple[type, ...]:
    ours = (_core.ServerSentEvent, _core.TemplatedEvent)
    fastapis = getattr(sys.modules.get("fastapi.sse"), "ServerSentEvent", None)
    return ours if fastapis is None else (*ours, fastapis)


_DEFAULT = _core.Encoder()
_ENCODERS = {sep: _encoder(sep) for sep in ("\r\n", "\r", "\n")}
