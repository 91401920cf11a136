"""The hook in `fastapi.routing.get_request_handler` and its neighbours."""

import asyncio
import functools
from collections.abc import AsyncIterable
from typing import Annotated

import fastapi.routing
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse, StreamingResponse

import eventwire.fastapi
import twins
from eventwire import _fastapi_hook
from eventwire.fastapi import EventSourceResponse, ServerSentEvent


@pytest.fixture(scope="module", params=twins.COMBINATIONS)
def pair(request):
    with twins.served(request.param) as pair:
        yield pair


@pytest.fixture
def made(monkeypatch):
    """The responses of hooked routes that are made during the test."""
    made = []

    class Recorded(_fastapi_hook.RouteResponse):
        def __init__(self, *args, **kwargs):
            made.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(_fastapi_hook, "RouteResponse", Recorded)
    return made


async def numbers() -> AsyncIterable[int]:
    yield 1
    yield 2


BODY = b"data: 1\n\ndata: 2\n\n"


def body(app, target="/"):
    return TestClient(app).get(target).content


def app_with(endpoint=numbers, **options):
    app = FastAPI()
    app.get("/", response_class=EventSourceResponse, **options)(endpoint)
    return app


def test_other_routes_pass_through_untouched():
    """The original gets the very objects it was called with, and its result comes back."""
    calls, result = [], object()

    def spy(*args, **kwargs):
        calls.append((args, kwargs))
        return result

    hooked = _fastapi_hook.accelerated(spy, EventSourceResponse)
    dependant = object()
    for response_class in (
        JSONResponse, StreamingResponse, fastapi.sse.EventSourceResponse, None, "text",
        fastapi.datastructures.Default(JSONResponse), lambda: None,
    ):  # fmt: skip
        given = {"dependant": dependant, "response_class": response_class, "new_option": object()}
        assert hooked(**given) is result
        assert calls[-1] == ((), given)
        assert all(calls[-1][1][name] is value for name, value in given.items())
    assert hooked(dependant, None) is result
    assert calls[-1] == ((dependant, None), {})
    assert hooked(response_class=EventSourceResponse) is result, "without a dependant"
    assert calls[-1][1] == {"response_class": EventSourceResponse}


@pytest.mark.parametrize("wrap", [lambda cls: cls, fastapi.datastructures.Default])
def test_our_routes_reach_the_original_as_raw_streams(wrap):
    """The class is replaced by a factory, also inside a placeholder; the rest is as it was."""
    calls = []
    hooked = _fastapi_hook.accelerated(lambda **kwargs: calls.append(kwargs), EventSourceResponse)
    given = {"dependant": object(), "status_code": 201, "response_model_by_alias": False}
    hooked(**given, response_class=wrap(EventSourceResponse), is_json_stream=True)
    (got,) = calls
    assert given.items() <= got.items()
    assert callable(got["response_class"])
    assert not isinstance(got["response_class"], type)
    assert (got["is_json_stream"], got["stream_item_field"]) == (False, None)


def test_a_tool_that_wraps_after_us_still_works(monkeypatch, made):
    """`*args, **kwargs` around the hook is as good as without."""
    calls = []
    hooked = fastapi.routing.get_request_handler

    def tool(*args, **kwargs):
        calls.append(kwargs["response_class"])
        dependant = kwargs["dependant"]
        endpoint = dependant.call

        @functools.wraps(endpoint)
        async def traced(**values):
            async for item in endpoint(**values):
                yield item * 10

        dependant.call = traced
        return hooked(*args, **kwargs)

    monkeypatch.setattr(fastapi.routing, "get_request_handler", tool)
    assert body(app_with()) == b"data: 10\n\ndata: 20\n\n"
    assert set(calls) == {EventSourceResponse}
    assert len(made) == 1


@pytest.mark.newest
def test_a_replaced_body_iterator_is_honoured(pair):
    """A route class may wrap the frames of a response, as it can with FastAPI's."""

    class Shouting(APIRoute):
        def get_route_handler(self):
            handler = super().get_route_handler()

            async def shouting(request):
                response = await handler(request)
                frames = response.body_iterator

                async def shouted():
                    async for frame in frames:
                        yield frame.upper()
                    yield b": end\n\n"

                response.body_iterator = shouted()
                return response

            return shouting

    def routes(app, sse):
        router = APIRouter(route_class=Shouting)

        @router.get("/", response_class=sse.EventSourceResponse)
        async def stream():
            yield "text"
            yield sse.ServerSentEvent(raw_data="raw", event="name")

        @router.get("/sync", response_class=sse.EventSourceResponse)
        def sync_stream():
            yield "text"

        app.include_router(router)

    assert pair.same(routes).body == b'DATA: "TEXT"\n\nEVENT: NAME\nDATA: RAW\n\n: end\n\n'
    assert pair.same(routes, "/sync").body == b'DATA: "TEXT"\n\n: end\n\n'


@pytest.mark.newest
def test_other_changes_of_a_route_class_are_honoured(pair):
    """Status and headers that a route class changes are sent."""

    class Changing(APIRoute):
        def get_route_handler(self):
            handler = super().get_route_handler()

            async def changing(request):
                response = await handler(request)
                response.status_code = 206
                response.headers["x-route"] = "1"
                del response.headers["x-accel-buffering"]
                return response

            return changing

    def routes(app, sse):
        app.router.route_class = Changing
        app.get("/", response_class=sse.EventSourceResponse)(numbers)

    assert pair.same(routes, status=206).body == BODY


@pytest.mark.newest
def test_class_attributes_of_a_subclass_are_ignored_alike(pair):
    """FastAPI makes the response itself: media type and status of the class do not count."""

    def routes(app, sse):
        class Own(sse.EventSourceResponse):
            media_type = "text/x-own"
            charset = "latin-1"
            status_code = 299

        app.get("/", response_class=Own)(numbers)

    assert (b"content-type", b"text/event-stream; charset=utf-8") in pair.same(routes).headers


async def mixed():
    yield ServerSentEvent(data={"a": 1}, event="e")
    yield {"b": 1.0}
    yield ": text\n\n"
    yield b": bytes\n\n"
    yield memoryview(b": view\n\n")


@pytest.mark.parametrize("options", [{}, {"response_class": EventSourceResponse}], ids=str)
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_a_returned_response_is_served_as_returned(pair, options, sync):
    """With `response_class` and without: events and items are encoded, text and bytes are not."""

    def routes(app, sse):
        def response():
            return EventSourceResponse(mixed(), status_code=201, headers={"x-own": "1"})

        async def async_response():
            return response()

        app.get("/", **options)(response if sync else async_response)

    reply = pair.ours.ask(routes)
    assert (reply.status, reply.whole) == (201, True)
    assert (b"x-own", b"1") in reply.headers
    assert (b"content-type", b"text/event-stream; charset=utf-8") in reply.headers
    frames = b'event: e\ndata: {"a": 1}\n\ndata: {"b": 1.0}\n\n: text\n\n: bytes\n\n: view\n\n'
    assert reply.body == frames
    assert pair.ours.errors == []


@pytest.mark.parametrize("name", ["_async_stream_raw", "_wrapped_otherwise"])
def test_a_generator_is_streamed_whether_it_is_found_in_fastapis_wrapper_or_not(name):
    """The inner one, if FastAPI's frame is as known; else the wrapper itself: the same bytes."""

    async def wrap(async_gen):
        async for item in async_gen:
            yield item

    inner = numbers()
    wrap.__code__ = wrap.__code__.replace(co_name=name)
    wrapper = wrap(inner)
    response = _fastapi_hook.RouteResponse(
        wrapper, route_encoder=_fastapi_hook.UNTYPED, dependant=None
    )
    assert response.generator is (inner if name == "_async_stream_raw" else wrapper)
    app = FastAPI()
    app.get("/")(lambda: response)
    assert body(app) == BODY
    if response.generator is inner:
        asyncio.run(wrapper.aclose())


@pytest.mark.newest
def test_a_call_of_the_dependant_replaced_later_is_honoured(pair):
    """What `route.dependant.call` is when the request comes is what streams."""

    async def other() -> AsyncIterable[int]:
        yield 10

    def routes(app, sse):
        app.get("/", response_class=sse.EventSourceResponse)(numbers)
        app.routes[-1].dependant.call = other

    assert pair.same(routes).body == b"data: 10\n\n"


def test_dependency_overrides_set_later_are_honoured():
    """Overrides act from the next request on, and so does their removal."""

    def real():
        return "real"

    async def stream(given: Annotated[str, Depends(real)]):
        yield given

    app = app_with(stream)
    assert body(app) == b'data: "real"\n\n'
    app.dependency_overrides[real] = lambda: "override"
    assert body(app) == b'data: "override"\n\n'
    app.dependency_overrides.clear()
    assert body(app) == b'data: "real"\n\n'


def test_only_our_routes_are_hooked(made):
    """Routes on FastAPI's own class stay on FastAPI's path; a subclass of ours is ours."""

    class Own(EventSourceResponse):
        pass

    app = app_with()
    app.get("/theirs", response_class=fastapi.sse.EventSourceResponse)(numbers)
    app.get("/own", response_class=Own)(numbers)
    assert body(app, "/theirs") == BODY
    assert made == []
    assert body(app, "/own") == BODY
    assert body(app) == BODY
    assert len(made) == 2


def test_the_module_offers_what_fastapi_sse_offers():
    """Every public name of `fastapi.sse` that people import is there, and is the right thing."""
    assert issubclass(eventwire.fastapi.ServerSentEvent, fastapi.sse.ServerSentEvent)
    assert issubclass(EventSourceResponse, fastapi.sse.EventSourceResponse)
    assert eventwire.fastapi.KEEPALIVE_COMMENT == fastapi.sse.KEEPALIVE_COMMENT
    assert all(hasattr(eventwire.fastapi, name) for name in eventwire.fastapi.__all__)
