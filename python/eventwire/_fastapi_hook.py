"""How FastAPI's SSE routes get our response.

FastAPI builds the stream of an SSE route inside the closure that
``fastapi.routing.get_request_handler`` makes. :func:`accelerated` wraps that one function. For a
route whose response class is ours the original is called with a *factory* in place of the class:
FastAPI then does not see an SSE route there, takes its own raw-stream branch,
``factory(content=generator, …)``, and merges status, headers, cookies and background tasks
itself. ``Dependant``, telemetry, error context, overrides and included routers stay FastAPI's;
every other route passes untouched.

(Rejected: a copy of the ``Dependant`` with another ``call``. It shows in telemetry, hides from
tools that wrap ``get_request_handler`` and misses later changes of ``route.dependant.call``.)
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import fastapi.routing
from fastapi.exceptions import ResponseValidationError

from eventwire import _response
from eventwire._core import Encoder
from eventwire._options import CHECKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from fastapi.dependencies.models import Dependant
    from starlette.types import Scope

# Of a route, and without the prefix of Pydantic's `to_json`.
DUMP_OPTIONS = (
    "response_model_include",
    "response_model_exclude",
    "response_model_by_alias",
    "response_model_exclude_unset",
    "response_model_exclude_defaults",
    "response_model_exclude_none",
)


UNTYPED = Encoder(dialect="spaced")
UNTYPED_LINE_SAFE = Encoder(dialect="spaced", escape_line_separators=True)


class AsReturned:
    """Stands for a route's response field where FastAPI would turn a returned value into JSON.

    A function without ``yield`` may return our response or any iterable; both are to arrive as
    they are.
    """

    def validate(self, value: Any, *_: Any, **__: Any) -> tuple[Any, list[Any]]:
        """Accept anything."""
        return value, []

    def serialize(self, value: Any, **_: Any) -> Any:
        """Change nothing."""
        return value


class RouteResponse(_response.EventSourceResponse):
    """The response of one request to a hooked route."""

    _frames_are = "nothing"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        *,
        route_encoder: Encoder,
        dependant: Dependant,
        **response_args: Any,
    ) -> None:
        self._route_encoder = route_encoder
        self._dependant = dependant
        super().__init__(_inner(content), **response_args)

    @property
    def generator(self) -> Any:
        """What the endpoint gave: an async or sync generator, or any iterable."""
        return self._content

    def encode(self, item: Any) -> bytes:
        """One item as this route writes it."""
        return self._route_encoder.encode(item)

    def _encoder(self) -> Encoder:
        return self._route_encoder

    def _ping_interval(self) -> float | None:
        return self.ping_interval if self._has_chosen("ping_interval") else ping_interval()

    def _invalid(self, scope: Scope) -> Callable[[Any, Any], BaseException]:
        dependant = self._dependant

        def invalid(item: Any, error: Any) -> BaseException:
            errors = [
                {**detail, "loc": ("response", *detail["loc"])}
                for detail in error.errors(include_url=False)
            ]
            return ResponseValidationError(
                errors=errors, body=item, endpoint_ctx=_endpoint_context(dependant, scope)
            )

        return invalid


def ping_interval() -> float | None:
    """FastAPI's interval in seconds, read when a stream starts: people patch it. None: off."""
    interval: float | None = getattr(fastapi.routing, "_PING_INTERVAL", 15.0)
    return interval


def _inner(content: Any) -> Any:
    """Return the endpoint's own generator.

    FastAPI wraps async generators in one of its own that adds a checkpoint to every item and does
    not close the inner one. It has not started, so the inner one is still in its frame. If it is
    not found there the wrapper is iterated: right, only slower.
    """
    frame = getattr(content, "ag_frame", None)
    if frame is not None and frame.f_code.co_name == "_async_stream_raw":
        return frame.f_locals.get("async_gen", content)
    return content


def _endpoint_context(dependant: Dependant, scope: Scope) -> Any:
    context: Any = {}
    extract = getattr(fastapi.routing, "_extract_endpoint_context", None)
    if dependant.call is not None and extract is not None:
        context = extract(dependant.call)
    if dependant.path:
        mount = scope.get("root_path", "").rstrip("/")
        context = {**context, "path": f"{scope.get('method')} {mount}{dependant.path}"}
    return context


def accelerated(original: Callable[..., Any], ours: type) -> Callable[..., Any]:
    """Wrap ``get_request_handler`` for the routes whose response class derives from ``ours``.

    Acts on keyword arguments only: other tools wrap the same function with ``*args, **kwargs``.
    """

    @functools.wraps(original)
    def get_request_handler(*args: Any, **kwargs: Any) -> Any:
        response_class = kwargs.get("response_class")
        # `default_response_class` arrives in a DefaultPlaceholder.
        response_class = getattr(response_class, "value", response_class)
        dependant = kwargs.get("dependant")
        if (
            dependant is None
            or not isinstance(response_class, type)
            or not issubclass(response_class, ours)
        ):
            return original(*args, **kwargs)
        return original(*args, **_with_factory(dependant, response_class, kwargs))

    return get_request_handler


def _with_options(response_class: type) -> type[RouteResponse]:
    """Return a class with the options that a route's response class sets."""
    options = {}
    for name in CHECKS:
        owner = next(cls for cls in response_class.__mro__ if name in vars(cls))
        if owner is not _response.EventSourceResponse:
            options[name] = vars(owner)[name]
    return type(response_class.__name__, (RouteResponse,), options) if options else RouteResponse


def _with_factory(
    dependant: Dependant,
    response_class: type,
    kwargs: dict[str, Any],
) -> dict[str, Any]:
    if not issubclass(response_class, _response.EventSourceResponse):
        response_class = _response.EventSourceResponse  # FastAPI's own has no options
    route_response = _with_options(response_class)
    field = kwargs.get("stream_item_field")
    encoder = Encoder._for_route(  # noqa: SLF001  # private to the package
        adapter=None if field is None else field._type_adapter,  # noqa: SLF001
        dump_options={
            name.removeprefix("response_model_"): kwargs[name]
            for name in DUMP_OPTIONS
            if name in kwargs
        },
        escape_line_separators=response_class.escape_line_separators,
    )

    def response(content: Any, **response_args: Any) -> RouteResponse:
        return route_response(content, route_encoder=encoder, dependant=dependant, **response_args)

    return {
        **kwargs,
        "response_class": response,
        "response_field": AsReturned(),
        "stream_item_field": None,
        "is_json_stream": False,
    }
