"""Whose `send` is it? Recognition of Starlette's layers and of uvicorn's own send."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from eventwire import EventSourceResponse, _send


class Probe(EventSourceResponse):
    """Tells what the response sees."""

    seen: list[object]

    async def __call__(self, scope, receive, send):
        type(self).seen.append(_send.server_send(send))
        await super().__call__(scope, receive, send)


async def pass_on(request, call_next):
    return await call_next(request)


class Counting:
    """A user's own pure ASGI middleware."""

    def __init__(self, app):
        self.app = app
        self.messages = []

    async def __call__(self, scope, receive, send):
        async def counted(message):
            self.messages.append(message)
            await send(message)

        await self.app(scope, receive, counted)


def serve_probe(serve, *middleware):
    Probe.seen = []

    async def endpoint(request):
        return Probe(iter([1, 2]))

    server = serve(Starlette(routes=[Route("/", endpoint)], middleware=list(middleware)))
    reply = server.request("/")
    assert (reply.body, reply.whole) == (b"data: 1\n\ndata: 2\n\n", True)
    return Probe.seen[0]


def test_there_are_two_transparent_layers_in_starlette():
    """One in wrap_app_handling_exceptions, one in ServerErrorMiddleware."""
    assert sorted(code.co_name for code in _send._TRANSPARENT) == ["_send", "sender"]


def test_uvicorns_own_send_is_found_below_starlettes_layers(serve):
    """The send may start in the pump's task."""
    found = serve_probe(serve)
    assert type(found.__self__).__name__ == "RequestResponseCycle"


@pytest.mark.parametrize(
    "middleware",
    [
        Middleware(GZipMiddleware),
        Middleware(BaseHTTPMiddleware, dispatch=pass_on),
        Middleware(Counting),
    ],
    ids=["gzip", "base-http", "own"],
)
def test_an_unknown_layer_is_a_strangers_and_the_bytes_are_the_same(serve, middleware):
    """No layer is guessed: its send runs wholly in a helper task."""
    assert serve_probe(serve, middleware) is None


def test_a_layer_that_only_looks_like_starlettes_is_a_strangers():
    """Recognition goes by the code object, not by its name or module."""

    def outer(send):
        async def sender(message):
            await send(message)

        sender.__module__ = "starlette._exception_handler"
        return sender

    async def send(message):
        pass

    assert _send.server_send(outer(send)) is None


def test_a_users_middleware_sees_every_message(serve):
    """Start, body, end: nothing is skipped above an unknown layer."""
    seen = []

    class Recording(Counting):
        def __init__(self, app):
            super().__init__(app)
            self.messages = seen

    serve_probe(serve, Middleware(Recording))
    assert seen[0]["type"] == "http.response.start"
    assert b"".join(message["body"] for message in seen[1:]) == b"data: 1\n\ndata: 2\n\n"
    assert [message["more_body"] for message in seen[1:]][-1] is False
