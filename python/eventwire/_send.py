"""Whose ``send`` is it? Decides where a send may run, and which layers it may skip.

The server's own ``send`` may start inside any task and be finished by another one. A
middleware's wrapper may hold an anyio scope, a tracing span or a lock across its ``await`` and
must run from start to end in one task. Starlette's own wrappers are transparent: they look at
the start message and pass everything on, so that messages of the body need not pass through
them (three coroutines less per send). A layer is recognised by the identity of its code
object, never by name; whatever is not recognised counts as a stranger's.
"""

from __future__ import annotations

import contextlib
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING

from starlette.middleware.errors import ServerErrorMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Send

wrap_app: object = None
with contextlib.suppress(ImportError):  # private to Starlette: where it is gone, it is a stranger
    from starlette._exception_handler import wrap_app_handling_exceptions as wrap_app

_SERVERS = frozenset(
    {
        ("uvicorn.protocols.http.h11_impl", "RequestResponseCycle"),
        ("uvicorn.protocols.http.httptools_impl", "RequestResponseCycle"),
    }
)


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _senders(function: object) -> Iterator[CodeType]:
    """Yield the functions inside ``function`` that take a message and close over ``send``."""
    if isinstance(function, FunctionType):
        for code in _nested(function.__code__):
            if code.co_varnames[: code.co_argcount] == ("message",) and "send" in code.co_freevars:
                yield code


_TRANSPARENT = frozenset(
    [
        *_senders(wrap_app),
        *_senders(ServerErrorMiddleware.__call__),
    ]
)


def innermost(send: Send) -> object:
    """Return what is below Starlette's layers."""
    layer: object = send
    while isinstance(layer, FunctionType) and layer.__code__ in _TRANSPARENT:
        cells = dict(zip(layer.__code__.co_freevars, layer.__closure__ or (), strict=True))
        layer = cells["send"].cell_contents
    return layer


def server_send(send: Send) -> Send | None:
    """Return the server's own ``send`` below Starlette's layers; None for a stranger's."""
    layer = innermost(send)
    if isinstance(layer, MethodType):
        server = type(layer.__self__)
        if (server.__module__, server.__name__) in _SERVERS and layer.__name__ == "send":
            return layer
    return None
