"""`wait_for_first_event`: the status is still open until there is something to send."""

import asyncio

import pytest
from fastapi import FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

import eventwire.fastapi
from asgi import Wire, items_of, start, until
from eventwire import EventSourceResponse
from servers import wait_until


class Waiting(eventwire.fastapi.EventSourceResponse):
    wait_for_first_event = True


async def passes(request, call_next):
    return await call_next(request)


MIDDLEWARE = {
    "none": [],
    "unknown": [Middleware(BaseHTTPMiddleware, dispatch=passes), Middleware(GZipMiddleware)],
}


def application(endpoint, middleware):
    app = FastAPI(middleware=MIDDLEWARE[middleware])
    app.get("/", response_class=Waiting)(endpoint)

    @app.exception_handler(LookupError)
    async def not_found(request, error):
        return JSONResponse({"missing": str(error)}, 404)

    return app


async def asynchronous_http():
    await asyncio.sleep(0)
    raise HTTPException(409, "too late", headers={"x-why": "late"})
    yield


def synchronous_http():
    raise HTTPException(409, "too late", headers={"x-why": "late"})
    yield


async def own_handler():
    raise LookupError("it")
    yield


@pytest.mark.parametrize("middleware", MIDDLEWARE)
@pytest.mark.parametrize("endpoint", [asynchronous_http, synchronous_http])
def test_an_http_exception_before_the_first_event_is_a_response(serve, endpoint, middleware):
    """FastAPI's handler answers, with its status, headers and JSON."""
    reply = serve(application(endpoint, middleware)).request("/")
    assert (reply.status, reply.body, reply.whole) == (409, b'{"detail":"too late"}', True)
    assert dict(reply.headers)[b"x-why"] == b"late"
    assert dict(reply.headers)[b"content-type"] == b"application/json"


def test_an_exception_with_a_handler_of_the_applications_is_its_response(serve):
    """The handler finds the exception as it was raised."""
    reply = serve(application(own_handler, "none")).request("/")
    assert (reply.status, reply.body) == (404, b'{"missing":"it"}')


@pytest.mark.parametrize("middleware", MIDDLEWARE)
def test_a_stream_with_events_is_what_it_is_without_the_option(serve, middleware):
    """Status, headers and body are the same."""

    async def events():
        await asyncio.sleep(0.01)
        yield 1
        yield 2

    app = application(events, middleware)
    app.get("/plain", response_class=eventwire.fastapi.EventSourceResponse)(events)
    server = serve(app)
    assert server.request("/").comparable == server.request("/plain").comparable
    assert server.request("/").body == b"data: 1\n\ndata: 2\n\n"


def test_a_stream_without_events_is_an_empty_body(serve):
    """The headers come with the end."""

    async def nothing():
        return
        yield

    reply = serve(application(nothing, "none")).request("/")
    assert (reply.status, reply.body, reply.whole) == (200, b"", True)


def test_an_error_after_the_first_event_cuts_the_body(serve):
    """From then on it is a stream like any other."""

    async def late():
        yield 1
        await asyncio.sleep(0)
        raise LookupError("late")

    reply = serve(application(late, "none")).request("/")
    assert (reply.status, reply.body, reply.whole) == (200, b"data: 1\n\n", False)


@pytest.mark.usefixtures("kind")
def test_the_start_is_sent_with_the_first_event_and_not_before():
    """One message after the other, in order."""

    async def main():
        wire, go = Wire(), asyncio.Event()

        async def generator():
            await go.wait()
            yield 1

        task = start(EventSourceResponse(generator(), wait_for_first_event=True), wire)
        await asyncio.sleep(0.02)
        assert wire.messages == []
        go.set()
        await task
        kinds = [message["type"].removeprefix("http.response.") for message in wire.messages]
        assert kinds == ["start", "body", "body"]
        assert wire.body == b"data: 1\n\n"

    asyncio.run(main())


@pytest.mark.usefixtures("kind")
def test_the_start_is_sent_when_the_first_keep_alive_message_is_due():
    """A client must learn in time that the server is there."""

    async def main():
        wire = Wire()
        never = asyncio.Event()

        async def generator():
            await never.wait()
            yield

        options = {"wait_for_first_event": True, "ping_interval": 0.03}
        task = start(EventSourceResponse(generator(), **options), wire)
        await until(lambda: wire.bodies)
        assert wire.messages[0]["type"] == "http.response.start"
        assert wire.bodies == [b": ping\n\n"]
        wire.leave()
        await asyncio.wait_for(task, 1)

    asyncio.run(main())


@pytest.mark.usefixtures("kind")
def test_a_client_that_leaves_before_the_first_event_gets_nothing():
    """The generator is closed; no start is sent to nobody."""
    closed = []

    async def main():
        wire = Wire()

        async def generator():
            try:
                await asyncio.Event().wait()
                yield
            finally:
                closed.append(1)

        task = start(EventSourceResponse(generator(), wait_for_first_event=True), wire)
        await asyncio.sleep(0.02)
        wire.leave()
        await asyncio.wait_for(task, 1)
        assert wire.messages == []

    asyncio.run(main())
    assert closed == [1]


@pytest.mark.parametrize("option", [False, True])
def test_head_gets_the_headers_and_the_generator_is_left_alone(serve, option):
    """A Starlette route answers HEAD by itself; the background task runs."""
    touched = []

    async def generator():
        touched.append("entered")
        yield 1

    async def endpoint(request):
        return EventSourceResponse(
            generator(),
            headers={"x-a": "b"},
            background=BackgroundTask(touched.append, "background"),
            wait_for_first_event=option,
        )

    server = serve(Starlette(routes=[Route("/", endpoint)]))
    get = server.request("/")
    wait_until(lambda: touched == ["entered", "background"], "the background task")
    touched.clear()
    head = server.request("/", method="HEAD")
    assert (head.status, head.body) == (200, b"")

    def headers(reply):
        return [h for h in reply.headers if h[0] not in {b"date", b"transfer-encoding"}]

    assert headers(head) == headers(get)
    wait_until(lambda: touched, "the background task")
    assert touched == ["background"]


def test_an_exception_for_a_head_request_is_not_lost():
    """A send that fails is told; the generator is closed."""

    async def main():
        wire = Wire()
        wire.scope["method"] = "HEAD"
        wire.fail(RuntimeError("gone"))
        source = items_of([1])
        with pytest.raises(RuntimeError, match="gone"):
            await start(EventSourceResponse(source), wire)
        with pytest.raises(StopAsyncIteration):
            await source.__anext__()

    asyncio.run(main())
