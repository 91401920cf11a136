"""Whose `send` is it? Recognition of Starlette's layers and of uvicorn's own send."""

from __future__ import annotations

import asyncio
import functools
from types import FunctionType

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware, errors
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Route
from uvicorn.protocols.http import h11_impl

from asgi import scope
from eventwire import EventSourceResponse, _send
from servers import wait_until


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


@pytest.fixture
def new_look(monkeypatch):
    """Forget which layers are transparent, until the test ends."""
    monkeypatch.setattr(_send, "_looked_at", set())
    monkeypatch.setattr(_send, "_transparent", {})


def layers(send):
    """Return Starlette's four transparent layers around `send`, each by name."""

    async def app(scope, receive, send):
        found.append(send)

    found = []
    middlewares = {
        "errors": ServerErrorMiddleware(app),
        "sessions": SessionMiddleware(app, "secret"),
        "cors": CORSMiddleware(app, allow_origins=["*"]),
        "exceptions": ExceptionMiddleware(app),
    }
    for middleware in middlewares.values():
        asyncio.run(middleware(scope(headers=ORIGIN), None, send))
    return dict(zip(middlewares, found, strict=True))


ORIGIN = [(b"origin", b"http://test")]
"""Without it older versions of CORSMiddleware pass `send` on as it is."""


class RequestResponseCycle:
    """A server's, by the looks of it."""

    __module__ = "uvicorn.protocols.http.h11_impl"

    async def send(self, message):
        pass


def test_the_layers_that_are_skipped_are_these_four(new_look):
    """Errors, exceptions, sessions and CORS: what they pass on to is the layer below."""
    bottom = object()
    for name, layer in layers(bottom).items():
        _send.server_send(layer)
        assert _send._below(layer) is bottom, name
    names = sorted(code.co_name for code in _send._transparent.values())
    assert names == ["_send", "send", "send_wrapper", "sender"]


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


def test_layers_that_are_recognised_still_see_the_start(serve):
    """Cookies and CORS headers are set; the body goes to the server's own send."""

    async def endpoint(request):
        request.session["user"] = 1
        return Probe(iter([1, 2]))

    Probe.seen = []
    middlewares = [
        Middleware(CORSMiddleware, allow_origins=["http://there"], allow_credentials=True),
        Middleware(SessionMiddleware, secret_key="secret"),
    ]
    server = serve(Starlette(routes=[Route("/", endpoint)], middleware=middlewares))
    reply = server.request("/", headers="origin: http://there\r\n")
    assert (reply.body, reply.whole) == (b"data: 1\n\ndata: 2\n\n", True)
    headers = dict(reply.headers)
    assert headers[b"access-control-allow-origin"] == b"http://there"
    assert headers[b"set-cookie"].startswith(b"session=")
    assert type(Probe.seen[0].__self__).__name__ == "RequestResponseCycle"


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


def test_equal_code_is_not_identical_code():
    """A copy of a layer's code belongs to another function: a stranger's."""
    bottom = object()
    for name, layer in layers(bottom).items():
        assert _send.server_send(layer) is None  # the bottom is no server's
        if name == "cors":
            continue
        code = layer.__code__.replace()
        assert code == layer.__code__
        copy = FunctionType(code, layer.__globals__, closure=layer.__closure__)
        assert _send._below(layer) is bottom
        assert _send._below(copy) is None, name


def test_a_subclass_of_cors_with_a_send_of_its_own_is_a_strangers():
    """It may look at the body."""

    class Counting(CORSMiddleware):
        async def send(self, message, send, request_headers):
            await super().send(message, send, request_headers)

    found = []

    async def app(scope, receive, send):
        found.append(send)

    for middleware in (CORSMiddleware, Counting):
        asyncio.run(middleware(app, allow_origins=["*"])(scope(headers=ORIGIN), None, object()))
    _send.server_send(found[0])
    assert _send._below(found[0]) is not None
    assert _send._below(found[1]) is None


CHANGED = {
    "counts": "total[0] += 1\n    await send(message)",
    "looks at the body": "message['body']\n    await send(message)",
    "asks for more": "message.get('more_body')\n    await send(message)",
    "sends twice": "await send(message)\n    await send(message)",
    "sends something else": "await send({'type': message['type']})",
    "sends nothing": "return send",
    "waits": "await wait()\n    await send(message)",
    "waits afterwards": "await send(message)\n    await wait()",
    "changes": "message['body'] = b''\n    await send(message)",
    "decides": "if total:\n        await send(message)\n    else:\n        await send(message)",
    "nothing new": "await send(message)",
}


@pytest.mark.parametrize("change", CHANGED)
def test_another_version_of_a_layer_is_skipped_only_if_it_passes_bodies_on(
    new_look, monkeypatch, change
):
    """Starlette's own file, the same names, and code that does more than ours to know."""
    source = f"""
import types

@types.coroutine
def wait():
    yield

def call(self, scope, receive, send):
    total = self
    async def sender(message):
        {CHANGED[change].replace(chr(10), chr(10) + "    ")}
        _ = total
    return sender
"""
    names = {"__name__": "starlette.middleware.errors"}
    exec(compile(source, errors.__file__, "exec"), names)
    monkeypatch.setattr(ServerErrorMiddleware, "__call__", names["call"])
    layer = names["call"]([0], None, None, object())
    _send.server_send(layer)
    skipped = _send._below(layer) is not None
    assert skipped is (change == "nothing new")


def test_a_wrapper_that_a_tool_puts_into_starlette_is_a_strangers(new_look, monkeypatch):
    """Tracing tools replace `ServerErrorMiddleware.__call__`; what is in there is theirs."""
    original, seen = ServerErrorMiddleware.__call__, []

    @functools.wraps(original)
    async def traced(self, scope, receive, send):
        async def traced_send(message):
            await send(message)

        seen.append(traced_send)
        await original(self, scope, receive, traced_send)

    monkeypatch.setattr(ServerErrorMiddleware, "__call__", traced)
    layers(object())
    assert _send.server_send(seen[0]) is None
    assert _send._below(seen[0]) is None
    assert "traced_send" not in {code.co_name for code in _send._transparent.values()}


def test_a_send_that_only_bears_the_name_of_a_servers_is_a_strangers(monkeypatch):
    """A class with the same name and module; a method that a tool has put into the server's."""
    assert _send.server_send(RequestResponseCycle().send) is None

    async def send(self, message):
        pass

    cycle = object.__new__(h11_impl.RequestResponseCycle)
    assert _send.server_send(cycle.send) is not None
    monkeypatch.setattr(h11_impl.RequestResponseCycle, "send", send)
    assert _send.server_send(cycle.send) is None


class Scoped:
    """A user's own pure ASGI middleware that holds an anyio scope and a lock across its await."""

    def __init__(self, app, calls):
        self.app = app
        self.calls = calls

    async def __call__(self, scope, receive, send):
        async def scoped(message):
            task = asyncio.current_task()
            with anyio.fail_after(5):
                await anyio.lowlevel.checkpoint()
                await send(message)
            assert asyncio.current_task() is task
            self.calls.append((message, task))

        await self.app(scope, receive, scoped)


@pytest.mark.parametrize(
    "others",
    [[], [Middleware(GZipMiddleware)], [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]],
    ids=["alone", "gzip", "base-http"],
)
def test_an_unknown_layer_sees_every_message_in_a_task_that_is_not_the_generators(serve, others):
    """From start to end in one task; what it holds across its await is not torn in two."""
    calls, tasks = [], set()

    async def generator():
        for number in range(3):
            tasks.add(asyncio.current_task())
            yield number
            await asyncio.sleep(0.01)

    async def endpoint(request):
        return EventSourceResponse(generator())

    middleware = [Middleware(Scoped, calls=calls), *others]
    server = serve(Starlette(routes=[Route("/", endpoint)], middleware=middleware))
    reply = server.request("/", headers="accept-encoding: gzip\r\n")
    assert (reply.body, reply.whole) == (b"data: 0\n\ndata: 1\n\ndata: 2\n\n", True)
    wait_until(lambda: calls[-1][0].get("more_body") is False, "the final message")
    start, *bodies = [message for message, _ in calls]
    assert start["type"] == "http.response.start"
    assert b"".join(message["body"] for message in bodies) == reply.body
    assert len(tasks) == 1
    assert not tasks & {task for _, task in calls}
