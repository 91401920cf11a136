"""Is this FastAPI the one the hook was made for? Tried out before anything is hooked.

One handler for an async and one for a sync generator is built and driven by hand, without an
event loop; it must give our response around the very generator of the endpoint. It takes about
half a millisecond. Anything unexpected counts as no.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from typing import TYPE_CHECKING, Any

import fastapi

from eventwire import _fastapi_hook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


_STATUS = 207  # anything but the default


async def _async_generator() -> AsyncIterator[int]:
    yield 1


def _sync_generator() -> Iterator[int]:
    yield 1


async def _function() -> list[int]:
    return [1]


class FastAPIHookWarning(UserWarning):
    """This FastAPI is not one that eventwire can accelerate; its own path is used."""


def warn(why: str, *, stacklevel: int) -> None:
    """Say that FastAPI's own path is used; never raises, also where warnings are errors."""
    message = (
        f"eventwire does not know how to accelerate FastAPI {fastapi.__version__} ({why}); "
        "server-sent events work, on FastAPI's own path. Please report it."
    )
    try:
        warnings.warn(message, FastAPIHookWarning, stacklevel=stacklevel)
    except FastAPIHookWarning:
        logging.getLogger("eventwire").warning(message)


def problem(original: Callable[..., Any], response_class: type) -> str | None:
    """Say why the hook would not work around ``original``; None if it does.

    Never raises: what is private to FastAPI is imported in here, too.
    """
    try:
        if (why := _wrong_parameters(original)) is not None:
            return why
        hooked = _fastapi_hook.accelerated(original, response_class)
        for endpoint in (_async_generator, _sync_generator, _function):
            if (why := _try(hooked, endpoint, response_class)) is not None:
                return f"{endpoint.__name__.strip('_')}: {why}"
    except Exception as error:  # noqa: BLE001  # a changed FastAPI may raise anything
        return f"{type(error).__name__}: {error}"
    return None


def _wrong_parameters(original: Callable[..., Any]) -> str | None:
    parameters = inspect.signature(original).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None  # wrapped by another tool: only trying can tell
    known = {
        "dependant",
        "response_class",
        "response_field",
        "stream_item_field",
        "is_json_stream",
        *_fastapi_hook.DUMP_OPTIONS,
    }
    if missing := known - set(parameters):
        return f"get_request_handler has no {', '.join(sorted(missing))}"
    return None


def _try(
    get_request_handler: Callable[..., Any], endpoint: Callable[..., Any], response_class: type
) -> str | None:
    from fastapi.dependencies.utils import get_dependant  # noqa: PLC0415
    from fastapi.utils import create_model_field  # noqa: PLC0415
    from starlette.requests import Request  # noqa: PLC0415

    handler = get_request_handler(
        dependant=get_dependant(path="/", call=endpoint),
        status_code=_STATUS,
        response_class=response_class,
        stream_item_field=create_model_field(name="item", type_=int, mode="serialization"),
        is_json_stream=False,
    )
    response = _drive(handler(Request(_scope())))
    if not isinstance(response, _fastapi_hook.RouteResponse):
        return f"the handler gave {type(response).__name__}"
    if response.status_code != _STATUS:
        return "the status code was lost"
    if endpoint is _function:
        return None if response.generator == [1] else "the returned value was changed"
    code = getattr(response.generator, "ag_code", None) or getattr(
        response.generator, "gi_code", None
    )
    if code is not endpoint.__code__:
        return "the endpoint's generator was not found"
    if response.encode("2") != b"data: 2\n\n":
        return "the item's type was lost"
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
