"""What the OpenAPI document says about streams, and about what stands beside them."""

from collections.abc import AsyncIterable, Iterable
from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, Query, WebSocket
from fastapi.routing import APIRoute
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, Field

from route_table.table import add, get, post, row


class Item(BaseModel):
    """A thing."""

    name: str = Field(description="what it is called")
    size: int = 1


class Error(BaseModel):
    detail: str


async def stream() -> AsyncIterable[Item]:
    """Stream things.

    One after the other.
    """
    yield Item(name="a")


def untyped():
    yield {"name": "a"}


SAYS = {
    "summary and description": {"summary": "s", "description": "d", "response_description": "r"},
    "tags": {"tags": ["a", "b"]},
    "an operation id": {"operation_id": "streamThings"},
    "deprecated": {"deprecated": True},
    "left out": {"include_in_schema": False},
    "other responses": {"responses": {404: {"model": Error}, "5XX": {"description": "no"}}},
    "the same response": {"responses": {200: {"model": Error, "description": "own"}}},
    "an example": {"responses": {200: {"content": {"text/event-stream": {"example": "data: 1"}}}}},
    "a default response": {"responses": {"default": {"model": Error}}},
    "more of its own": {"openapi_extra": {"x-own": [1], "responses": {"200": {"x-more": 2}}}},
    "a name": {"name": "things"},
}
for name, options in SAYS.items():

    def declare(app, sse, trace, options=options):
        app.get("/", response_class=sse.EventSourceResponse, **options)(stream)
        others = {k: v for k, v in options.items() if k != "operation_id"}
        app.get("/untyped", response_class=sse.EventSourceResponse, **others)(untyped)
        app.get("/json", **others)(lambda: {"a": 1})

    add(f"documented with {name}", declare, get(), get("/untyped"), get("/openapi.json"))


@row(get(), get("/openapi.json"))
def an_application_with_names_of_its_own(app, sse, trace):
    def unique(route: APIRoute) -> str:
        return f"{route.name}-{min(route.methods)}-{len(route.tags)}"

    app = FastAPI(title="t", version="2", generate_unique_id_function=unique, summary="s")
    app.get("/", response_class=sse.EventSourceResponse)(stream)
    router = APIRouter(tags=["a"], generate_unique_id_function=lambda route: f"own-{route.path}")
    router.get("/routed", response_class=sse.EventSourceResponse)(stream)
    app.include_router(router)
    return app


@row(post(json={"name": "a"}), get("/openapi.json"))
def schemas_of_input_and_output_apart(app, sse, trace):
    @app.post("/", response_class=sse.EventSourceResponse)
    async def echo(item: Item) -> AsyncIterable[Item]:
        yield item


@row(post(json={"name": "a"}), get("/openapi.json"))
def schemas_of_input_and_output_as_one(app, sse, trace):
    app = FastAPI(separate_input_output_schemas=False)

    @app.post("/", response_class=sse.EventSourceResponse)
    async def echo(item: Item) -> AsyncIterable[Item]:
        yield item

    return app


@row(get(), get("/openapi.json"))
def webhooks_and_callbacks(app, sse, trace):
    calls = APIRouter()

    @calls.post("{$callback_url}/events")
    def called(item: Item) -> Error: ...

    @app.webhooks.post("new-item")
    def hook(item: Item): ...

    @app.get("/", response_class=sse.EventSourceResponse, callbacks=calls.routes)
    def things(callback_url: str | None = None) -> Iterable[Item]:
        yield Item(name=str(callback_url))


@row(get("/json"), get("/openapi.json"))
def a_stream_and_a_socket_beside_json(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(stream)

    @app.get("/json")
    async def json() -> list[Item]:
        return [Item(name="a")]

    @app.websocket("/socket")
    async def socket(websocket: WebSocket): ...


@row(get("/a?q=1", authorization="Bearer t"), get("/a", status=401), get("/openapi.json"))
def security_and_examples(app, sse, trace):
    token = OAuth2PasswordBearer("token", scopes={"read": "to read"})

    @app.get("/{key}", response_class=sse.EventSourceResponse, dependencies=[Depends(token)])
    async def secured(
        key: str, q: Annotated[int, Query(examples=[1], title="t", deprecated=True)] = 0
    ) -> AsyncIterable[str]:
        yield key * q


@row(post(json={"name": "a"}), get("/openapi.json"))
def bodies_with_examples(app, sse, trace):
    example = {"a": {"summary": "one", "value": {"name": "a"}}}

    @app.post("/", response_class=sse.EventSourceResponse)
    async def echo(item: Annotated[Item, Body(openapi_examples=example)]):
        yield item


@row(get(), get("/openapi.json", status=404), get("/docs", status=404))
def no_document_at_all(app, sse, trace):
    app = FastAPI(openapi_url=None)
    app.get("/", response_class=sse.EventSourceResponse)(stream)
    return app


@row(get("/one"), get("/two"), get("/openapi.json"))
def models_of_the_same_name(app, sse, trace):
    def make(kind):
        class Same(BaseModel):
            value: kind

        async def same() -> AsyncIterable[Same]:
            yield Same(value=kind(1))

        return same

    app.get("/one", response_class=sse.EventSourceResponse)(make(int))
    app.get("/two", response_class=sse.EventSourceResponse)(make(str))


@row(get(), get("/openapi.json"))
def an_item_type_that_refers_to_itself(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(tree)


class Tree(BaseModel):
    children: list["Tree"] = []


async def tree() -> AsyncIterable[Tree]:
    yield Tree(children=[Tree(), Tree(children=[Tree()])])
