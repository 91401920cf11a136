"""Is this FastAPI the one the hook was made for? Tried out before anything is hooked.

One handler for an async and one for a sync generator is built and driven by hand, without an
event loop; it must give our response around the very generator of the endpoint. It takes about
half a millisecond. Anything unexpected counts as no.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

import fastapi.routing
from fastapi.dependencies.utils import get_dependant
from starlette.requests import Request

from eventwire import _fastapi_hook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


_STATUS = 207  # anything but the default


async def _async_endpoint() -> AsyncIterator[int]:
    yield 1


def _sync_endpoint() -> Iterator[int]:
    yield 1


def problem(original: Callable[..., Any], response_class: type) -> str | None:
    """Say why the hook would not work around ``original``; None if it does."""
    hooked = _fastapi_hook.accelerated(original, response_class)
    try:
        for endpoint in (_async_endpoint, _sync_endpoint):
            if (why := _try(hooked, endpoint, response_class)) is not None:
                return f"{endpoint.__name__.strip('_')}: {why}"
    except Exception as error:  # noqa: BLE001  # a changed FastAPI may raise anything
        return f"{type(error).__name__}: {error}"
    return None


def _try(
    get_request_handler: Callable[..., Any], endpoint: Callable[..., Any], response_class: type
) -> str | None:
    parameters = inspect.signature(fastapi.routing.get_request_handler).parameters
    missing = {"dependant", "response_class", "stream_item_field", "is_json_stream"} - set(
        parameters
    )
    if missing and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return f"get_request_handler has no {', '.join(sorted(missing))}"
    handler = get_request_handler(
        dependant=get_dependant(path="/", call=endpoint),
        status_code=_STATUS,
        response_class=response_class,
        stream_item_field=None,
        is_json_stream=False,
    )
    response = _drive(handler(Request(_scope())))
    if not isinstance(response, _fastapi_hook.RouteResponse):
        return f"the handler gave {type(response).__name__}"
    if response.status_code != _STATUS:
        return "the status code was lost"
    code = getattr(response.generator, "ag_code", None) or getattr(
        response.generator, "gi_code", None
    )
    if code is not endpoint.__code__:
        return "the endpoint's generator was not found"
    return None


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "query_string": b"",
        "fastapi_middleware_astack": contextlib.AsyncExitStack(),
        "fastapi_inner_astack": contextlib.AsyncExitStack(),
        "fastapi_function_astack": contextlib.AsyncExitStack(),
    }


def _drive(coroutine: Any) -> Any:
    """Run a coroutine that must not wait for anything."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("the handler waits for something before it makes the response")
