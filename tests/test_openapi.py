"""The OpenAPI documents of applications on our module equal those on `fastapi.sse`."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Header, Query, Response, status
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

import twins

pytestmark = pytest.mark.newest


class Item(BaseModel):
    """A thing."""

    name: str = Field(alias="theName", description="what it is called")
    inner: "Item | None" = None


class Error(BaseModel):
    detail: str


@dataclass
class Point:
    x: int


def document(declare, sse):
    return twins.build(declare, sse).openapi()


def check(declare):
    """Check that both documents are equal and return ours."""
    theirs, ours = (document(declare, sse) for sse in twins.MODULES)
    assert ours == theirs
    return ours


def content(document, path="/", method="get", code="200"):
    return document["paths"][path][method]["responses"][code]["content"]


TYPES = {
    "model": Item,
    "optional": Item | None,
    "list": list[Item],
    "dict": dict[str, Point],
    "union": Item | Error,
    "discriminated": Annotated[Item | Point, Field(description="either")],
    "scalar": int,
    "literal": Literal["a", "b"],
    "any": Any,
    "object": object,
    "dataclass": Point,
}


@pytest.mark.parametrize("kind", [AsyncIterable, AsyncIterator, AsyncGenerator])
@pytest.mark.parametrize("item", TYPES.values(), ids=TYPES)
def test_typed_async_items(kind, item):
    """The declared item type is the schema of the events' data."""
    annotation = kind[item, None] if kind is AsyncGenerator else kind[item]

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> annotation:
            yield

    (media,) = content(check(routes))
    assert media == "text/event-stream"


@pytest.mark.parametrize("item", TYPES.values(), ids=TYPES)
def test_typed_sync_items(item):
    """A sync generator is documented like an async one."""

    def routes(app, sse):
        @app.get("/iterable", response_class=sse.EventSourceResponse)
        def iterable() -> Iterable[item]:
            yield

        @app.get("/generator", response_class=sse.EventSourceResponse)
        def generator() -> Generator[item, None, None]:
            yield

    assert "text/event-stream" in content(check(routes), "/generator")


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_untyped_and_events(sync):
    """Without an item type, and for events, the document says just that there are events."""

    def routes(app, sse):
        class Special(sse.ServerSentEvent):
            """A subclass."""

        for number, item in enumerate((None, sse.ServerSentEvent, Special)):
            if sync:

                def stream():
                    yield
            else:

                async def stream():
                    yield

            if item is not None:
                kind = Iterable if sync else AsyncIterable
                stream.__annotations__["return"] = kind[item]
            app.get(f"/{number}", response_class=sse.EventSourceResponse)(stream)

    document = check(routes)
    for number in range(3):
        assert "contentSchema" not in str(content(document, f"/{number}"))


def test_events_or_items():
    """A union with the event class is documented alike."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[Item | sse.ServerSentEvent]:
            yield

    check(routes)


OPTIONS = [
    {"response_model": Item},
    {"response_model": None},
    {"response_model_include": {"name"}},
    {"response_model_exclude": {"name"}},
    {"response_model_by_alias": False},
    {"response_model_exclude_none": True, "response_model_exclude_unset": True},
    *({"status_code": code} for code in (201, 202, 404, 500, status.HTTP_207_MULTI_STATUS)),
    {"responses": {404: {"model": Error}, "4XX": {"description": "no"}, 200: {"description": "y"}}},
    {"responses": {200: {"content": {"text/event-stream": {"example": "data: 1"}}}}},
    {"responses": {200: {"content": {"application/json": {}}, "model": Error}}},
    {"responses": {"default": {"model": Error}}},
    {"response_description": "events", "summary": "s", "description": "d", "deprecated": True},
    {"tags": ["t"], "operation_id": "own", "name": "n"},
    {"include_in_schema": False},
    {"openapi_extra": {"x-own": 1, "responses": {"200": {"x-more": 2}}}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_of_the_decorator(options):
    """What the decorator says about a stream is documented alike, typed or not."""

    def routes(app, sse):
        options_ = {"response_class": sse.EventSourceResponse, **options}

        @app.get("/typed", **options_)
        async def typed() -> AsyncIterable[Item]:
            """Documented here.

            And there.
            """
            yield

        @app.get("/untyped", **{**options_, "operation_id": None})
        def untyped():
            yield

        @app.get("/plain", **{**options_, "operation_id": None})
        def plain() -> list[Item]:
            return []

    check(routes)


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
def test_parameters_bodies_and_security(method):
    """What a stream takes is documented alike."""

    def bearer(token: Annotated[Any, Depends(HTTPBearer())], q: Annotated[int, Query(ge=1)]): ...

    def routes(app, sse):
        declare = getattr(app, method)

        @declare("/{key}", response_class=sse.EventSourceResponse, dependencies=[Depends(bearer)])
        async def stream(
            key: int, item: Annotated[Item, Body()], last_event_id: Annotated[str, Header()] = ""
        ) -> AsyncIterable[Item]:
            yield item

    document = check(routes)
    assert "422" in document["paths"]["/{key}"][method]["responses"]


def test_routers_and_defaults():
    """Inclusion, prefixes, tags and default response classes are documented alike."""

    async def stream() -> AsyncIterable[Item]:
        yield

    def routes(app, sse):
        app = FastAPI(
            default_response_class=sse.EventSourceResponse, title="t", openapi_tags=[{"name": "x"}]
        )
        inner = APIRouter(prefix="/inner", tags=["x"], responses={418: {"model": Error}})
        inner.get("/stream")(stream)
        inner.get("/json", response_class=JSONResponse)(lambda: None)
        outer = APIRouter(default_response_class=JSONResponse, deprecated=True)
        outer.get("/explicit", response_class=sse.EventSourceResponse)(stream)
        outer.get("/lines")(stream)
        outer.include_router(inner, prefix="/a")
        outer.include_router(
            inner, prefix="/b", default_response_class=sse.EventSourceResponse, tags=["y"]
        )
        app.include_router(outer, prefix="/outer")
        app.include_router(inner)
        return app

    document = check(routes)
    assert "text/event-stream" in content(document, "/outer/b/inner/stream")
    assert "text/event-stream" in content(document, "/outer/explicit")


def test_what_is_no_stream_is_documented_alike():
    """Functions without `yield` and other response classes keep their documents."""

    def routes(app, sse):
        @app.get("/returned")
        async def returned() -> sse.EventSourceResponse:
            return sse.EventSourceResponse(iter(()))

        @app.get("/both", response_class=sse.EventSourceResponse)
        async def both() -> Response:
            return sse.EventSourceResponse(iter(()))

        @app.get("/annotated", response_class=sse.EventSourceResponse)
        def annotated() -> Iterable[Item]:
            return []

        @app.get("/json")
        async def json() -> Item:
            return {}

        @app.get("/lines")
        async def lines() -> AsyncIterable[Item]:
            yield

        @app.websocket("/socket")
        async def socket(): ...

    check(routes)


def test_a_subclass_of_the_response():
    """A subclass, even with another media type, is documented like FastAPI's."""

    def routes(app, sse):
        class Own(sse.EventSourceResponse):
            media_type = "text/x-own"

        @app.get("/", response_class=Own)
        async def stream() -> AsyncIterable[Item]:
            yield

    check(routes)
