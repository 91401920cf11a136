"""Our response without changing imports: one router's routes, or all that are declared from now on.

Both put a handler factory of ours in place of ``fastapi.routing.get_request_handler``:
:class:`EventSourceRoute` while FastAPI makes the handler of one of its routes, :func:`install`
until :func:`uninstall`. They act on FastAPI's own response class, too.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Any

import fastapi.routing
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse as _FastAPIEventSourceResponse

from eventwire import _fastapi_check, _fastapi_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from starlette.requests import Request
    from starlette.responses import Response


class _Replacement:
    """Stands in place of the global function, for one thread or for all, until it is taken out.

    Another tool may have wrapped it meanwhile: then it stays where it is and only passes on.
    """

    def __init__(
        self, original: Callable[..., Any], factory: Callable[..., Any], thread: int | None = None
    ) -> None:
        functools.update_wrapper(self, original)
        self._original = original
        self._factory = factory
        self._thread = thread
        self._active = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        applies = self._active and self._thread in {None, threading.get_ident()}
        return (self._factory if applies else self._original)(*args, **kwargs)

    def put_in(self) -> None:
        fastapi.routing.get_request_handler = self

    def take_out(self) -> None:
        self._active = False
        if fastapi.routing.get_request_handler is self:
            fastapi.routing.get_request_handler = self._original


_changing = threading.RLock()
_installed: _Replacement | None = None


@functools.lru_cache(maxsize=8)
def _problem(original: Callable[..., Any]) -> str | None:
    return _fastapi_check.problem(original, _FastAPIEventSourceResponse)


def _factory(original: Callable[..., Any]) -> Callable[..., Any]:
    return _fastapi_hook.accelerated(original, _FastAPIEventSourceResponse)


def install() -> None:
    """Accelerate the routes of ``fastapi.sse``: those that are declared from now on.

    For an application whose imports are to stay as they are: call it before the modules with the
    routes are imported. Their events and items are written, and their streams end, as with
    ``response_class=eventwire.fastapi.EventSourceResponse``. Calling it again changes nothing. If
    the installed FastAPI is not one that it fits, a :class:`FastAPIHookWarning` says so and
    nothing changes.
    """
    global _installed  # noqa: PLW0603  # it changes a global of FastAPI's
    with _changing:
        if _installed is not None:
            return
        original = fastapi.routing.get_request_handler
        if (why := _problem(original)) is not None:
            _fastapi_check.warn(why, stacklevel=3)
            return
        _installed = _Replacement(original, _factory(original))
        _installed.put_in()


def uninstall() -> None:
    """Undo :func:`install` for routes that are declared from now on; others stay accelerated."""
    global _installed  # noqa: PLW0603  # as above
    with _changing:
        if _installed is not None:
            _installed.take_out()
            _installed = None


class EventSourceRoute(APIRoute):
    """Accelerates the events of one router: ``APIRouter(route_class=EventSourceRoute)``.

    Its routes may name FastAPI's response class or ours; all other routes are FastAPI's as ever.
    It needs neither :func:`install` nor the hook that importing :mod:`eventwire.fastapi` places:
    if some tool around ``get_request_handler`` does not let our response through, FastAPI's own
    function below it is used for this router. If that does not fit either, a
    :class:`FastAPIHookWarning` says so once, and the routes run on FastAPI's own path.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Have FastAPI make the handler, with our factory."""
        with _changing, _in_place(_factory_that_fits()):
            return super().get_route_handler()


@contextlib.contextmanager
def _in_place(factory: Callable[..., Any] | None) -> Iterator[None]:
    if factory is None:
        yield
        return
    original = fastapi.routing.get_request_handler
    replacement = _Replacement(original, factory, threading.get_ident())
    replacement.put_in()
    try:
        yield
    finally:
        replacement.take_out()


def _factory_that_fits() -> Callable[..., Any] | None:
    """Return one around the global function or around what that wraps."""
    outermost = fastapi.routing.get_request_handler
    original: Callable[..., Any] | None = outermost
    while original is not None:
        if _problem(original) is None:
            return _factory(original)
        original = getattr(original, "__wrapped__", None)
    _warn_once(outermost)
    return None


@functools.lru_cache(maxsize=8)
def _warn_once(original: Callable[..., Any]) -> None:
    _fastapi_check.warn(_problem(original) or "", stacklevel=5)
