"""Whose ``send`` is it? Decides where a send may run, and which layers it may skip.

The server's own ``send`` may start inside any task and be finished by another one. A
middleware's wrapper may hold an anyio scope, a tracing span or a lock across its ``await`` and
must run from start to end in one task. Starlette's own wrappers are transparent: they look at
the start message and pass everything on, so that messages of the body need not pass through
them (three coroutines less per send).

A layer is recognised by the identity of its code object, never by name, and only if that code is
Starlette's own (other tools put wrappers in the place of its functions) and was seen to pass a
message of the body on without touching anything else (another version's may not). Whatever is not
recognised counts as a stranger's.
"""

from __future__ import annotations

import sys
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from starlette.types import Send

_SERVERS = frozenset(
    {
        ("uvicorn.protocols.http.h11_impl", "RequestResponseCycle"),
        ("uvicorn.protocols.http.httptools_impl", "RequestResponseCycle"),
    }
)

# Modules are looked at once they are there: importing them would import what they need.
_WRAPPERS = {
    "starlette._exception_handler": "wrap_app_handling_exceptions",
    "starlette.middleware.errors": "ServerErrorMiddleware.__call__",
    "starlette.middleware.sessions": "SessionMiddleware.__call__",
    "starlette.middleware.cors": "CORSMiddleware.send",
}
"""By module, what holds a wrapper or, with ``send`` as an argument, is one."""

_looked_at: set[str] = set()
_transparent: dict[int, CodeType] = {}
"""By identity: code objects that are equal may belong to different functions."""


def innermost(send: Send) -> object:
    """Return what is below Starlette's layers."""
    if len(_looked_at) < len(_WRAPPERS):
        _look_for_wrappers()
    layer: object = send
    while (below := _below(layer)) is not None:
        layer = below
    return layer


def server_send(send: Send) -> Send | None:
    """Return the server's own ``send`` below Starlette's layers; None for a stranger's."""
    layer = innermost(send)
    return layer if isinstance(layer, MethodType) and _is_servers(layer) else None


def _below(layer: object) -> Any:
    """Return the ``send`` that a transparent layer passes on to; None for any other object."""
    if isinstance(layer, FunctionType) and id(layer.__code__) in _transparent:
        cells = dict(zip(layer.__code__.co_freevars, layer.__closure__ or (), strict=True))
        return cells["send"].cell_contents
    # CORSMiddleware's is a method with `send` as an argument.
    if type(layer) is partial and isinstance(layer.func, MethodType) and not layer.args:
        method = layer.func.__func__
        if isinstance(method, FunctionType) and id(method.__code__) in _transparent:
            return layer.keywords["send"]
    return None


def _is_servers(method: MethodType) -> bool:
    server = type(method.__self__)
    return (
        (server.__module__, server.__name__) in _SERVERS
        and method.__name__ == "send"
        and isinstance(method.__func__, FunctionType)
        and _is_own(method.__func__.__code__, server.__module__)
    )


def _is_own(code: CodeType, module: str) -> bool:
    """Whether code stands in the module's own file, and was not put there by somebody else."""
    return code.co_filename == getattr(sys.modules.get(module), "__file__", None)


def _look_for_wrappers() -> None:
    for name, path in _WRAPPERS.items():
        if name in _looked_at or name not in sys.modules:
            continue
        _looked_at.add(name)
        holder: object = sys.modules[name]
        for attribute in path.split("."):
            holder = getattr(holder, attribute, None)
        if isinstance(holder, FunctionType) and _is_own(holder.__code__, name):
            _transparent.update({id(code): code for code in _wrappers(holder)})


def _wrappers(holder: FunctionType) -> Iterator[CodeType]:
    """Yield the code of ``holder``, or in it, that passes messages of the body on."""
    code = holder.__code__
    if code.co_varnames[: code.co_argcount] == ("self", "message", "send", "request_headers"):
        if _passes_on(lambda body, send: holder(_UNTOUCHABLE, body, send, _UNTOUCHABLE)):
            yield code
        return
    for inner in _nested(code):
        takes = inner.co_varnames[: inner.co_argcount]
        is_wrapper = takes == ("message",) and "send" in inner.co_freevars
        if is_wrapper and _passes_on(partial(_call, inner, holder.__globals__)):
            yield inner


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _call(code: CodeType, names: dict[str, Any], body: object, send: object) -> Any:
    cells = [CellType(send if name == "send" else _UNTOUCHABLE) for name in code.co_freevars]
    wrapper = FunctionType(code, names, closure=tuple(cells))
    return wrapper(body)


def _passes_on(wrapper: Callable[[object, object], Coroutine[Any, Any, None]]) -> bool:
    """Whether a wrapper hands a message of the body on, once, without any other trace."""
    body, sent = _Body(), []

    async def send(message: object) -> None:
        sent.append(message)

    try:
        coroutine = wrapper(body, send)
        coroutine.send(None)
    except StopIteration:
        return len(sent) == 1 and sent[0] is body
    except Exception:  # noqa: BLE001  # it touched what it must not
        return False
    coroutine.close()
    return False


class _Body:
    """A message of the body of which only the type may be looked at."""

    def __getitem__(self, key: str) -> str:
        return {"type": "http.response.body"}[key]


class _Untouchable:
    """What belongs to a wrapper and is for the start message only."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise AttributeError(name)

    def __bool__(self) -> NoReturn:
        raise TypeError


_UNTOUCHABLE = _Untouchable()
