"""Drop-in for ``fastapi.sse``: change the import, keep everything else.

>>> from eventwire.fastapi import EventSourceResponse, ServerSentEvent

Importing this module wraps ``fastapi.routing.get_request_handler`` for routes declared with
``response_class=EventSourceResponse``, after checking that the installed FastAPI is one it fits.
If not, a :class:`FastAPIHookWarning` says so once and the routes run on FastAPI's own path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import fastapi.routing
    from fastapi.sse import EventSourceResponse as _FastAPIEventSourceResponse
except ModuleNotFoundError as error:
    if error.name not in {"fastapi", "fastapi.sse"}:
        raise
    raise ModuleNotFoundError(
        "eventwire.fastapi needs FastAPI 0.135 or newer: pip install eventwire[fastapi]",
        name=error.name,
    ) from error

from eventwire import _event_model, _fastapi_check, _fastapi_hook, _response
from eventwire._core import format_sse_event
from eventwire._fastapi_check import FastAPIHookWarning
from eventwire._fastapi_event import ServerSentEvent
from eventwire._fastapi_route import EventSourceRoute, install, uninstall
from eventwire._stream import KEEPALIVE_COMMENT

if TYPE_CHECKING:
    from eventwire._core import Encoder

__all__ = [
    "KEEPALIVE_COMMENT",
    "EventSourceResponse",
    "EventSourceRoute",
    "FastAPIHookWarning",
    "ServerSentEvent",
    "format_sse_event",
    "install",
    "uninstall",
]


class EventSourceResponse(_response.EventSourceResponse, _FastAPIEventSourceResponse):
    """Marks a route as a stream of server-sent events: ``response_class=EventSourceResponse``.

    FastAPI recognises it as its own class: item type, validation and OpenAPI are the same. It
    can also be returned from a route, ``return EventSourceResponse(generator())``: then
    ``ServerSentEvent`` objects are events, ``str``, ``bytes`` and ``memoryview`` are written as
    they are (as FastAPI's class would), and anything else is JSON in ``data`` the way FastAPI
    writes an item without a declared type.
    """

    _frames_are = "text"

    def _encoder(self) -> Encoder:
        if self.escape_line_separators:
            return _fastapi_hook.UNTYPED_LINE_SAFE
        return _fastapi_hook.UNTYPED

    def _ping_interval(self) -> float | None:
        if self._has_chosen("ping_interval"):
            return self.ping_interval
        return _fastapi_hook.ping_interval()


def _install() -> None:
    _event_model.register_with_fastapi()
    original = fastapi.routing.get_request_handler
    why = _fastapi_check.problem(original, EventSourceResponse)
    if why is None:
        fastapi.routing.get_request_handler = _fastapi_hook.accelerated(
            original, EventSourceResponse
        )
        return
    _fastapi_check.warn(why, stacklevel=4)


_install()
