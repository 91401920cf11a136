"""What an endpoint takes: parameters of every place, bodies, and what is wrong with them."""

import enum
import uuid
from collections.abc import AsyncIterable, Iterable
from typing import Annotated, Any, Literal

from fastapi import (
    APIRouter,
    Body,
    Cookie,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi.security import SecurityScopes
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from route_table.table import add, ask, get, post, row


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Filter(BaseModel):
    limit: int = Field(10, le=100)
    tags: list[str] = []
    model_config = {"extra": "forbid"}


class Item(BaseModel):
    name: str = Field(alias="theName", min_length=1)
    price: float = 1.0
    inner: "Item | None" = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Headers(BaseModel):
    x_one: int
    x_two: list[str] = []


class Cookies(BaseModel):
    session: str
    theme: Literal["dark", "light"] = "dark"


def entered(name, *requests, path="/", **options):
    """Enter a row of one endpoint, declared with the response class of each side."""
    method = requests[0].method.lower()

    def enter(endpoint):
        def declare(app, sse, trace):
            getattr(app, method)(path, response_class=sse.EventSourceResponse)(endpoint)

        add(name, declare, *requests, **options)
        return endpoint

    return enter


@entered("path: int", get("/7"), get("/x", status=422), get("/-1", status=422), path="/{key}")
async def path_int(key: Annotated[int, Path(ge=0)]) -> AsyncIterable[int]:
    yield key


@entered("path: enum", get("/red"), get("/green", status=422), path="/{key}")
def path_enum(key: Colour) -> Iterable[Colour]:
    yield key


@entered("path: several", get("/a/1/b/c"), get("/a/x/b", status=422), path="/a/{n}/{rest:path}")
async def path_several(n: int, rest: str):
    yield n
    yield rest


ID = "12345678-1234-5678-1234-567812345678"


@entered("path: uuid", get(f"/{ID}"), get("/5", status=422), path="/{key}")
async def path_uuid(key: uuid.UUID) -> AsyncIterable[uuid.UUID]:
    yield key


@entered("query: with a default", get(), get("/?q=5"), get("/?q=", status=422))
async def query_default(q: int = 3):
    yield q


@entered("query: required", get("/?q=a"), get(status=422))
async def query_required(q: str):
    yield q


@entered("query: optional", get(), get("/?q=a%20b%2Bc"), get("/?other=1"))
def query_optional(q: str | None = None):
    yield q


@entered("query: a list", get("/?q=1&q=2"), get("/?q=1&q=x", status=422), get())
async def query_list(q: Annotated[list[int], Query()] = [0]):  # noqa: B006  # FastAPI copies it
    yield q


@entered("query: constraints", get("/?q=abc"), get("/?q=ABC", status=422), get("/?q=a", status=422))
async def query_pattern(q: Annotated[str, Query(pattern="^[a-z]+$", min_length=2, alias="q")]):
    yield q


@entered("query: bool and float", get("/?a=yes&b=1e3"), get("/?a=maybe&b=x", status=422))
async def query_scalars(a: bool, b: float):
    yield [a, b]


@entered(
    "query: a model",
    get("/?limit=5&tags=a"),
    get("/?limit=101", status=422),
    get("/?x=1", status=422),
)
async def query_model(q: Annotated[Filter, Query()]) -> AsyncIterable[Filter]:
    yield q


@entered("header", get(x_token="t"), get(status=422))
async def header(x_token: Annotated[str, Header()]):
    yield x_token


@entered("header: a list", get(x_token="1"), get())
async def header_list(x_token: Annotated[list[str] | None, Header()] = None):
    yield x_token


@entered("header: a model", get(x_one="1", x_two="a"), get(x_one="x", status=422))
def header_model(headers: Annotated[Headers, Header()]) -> Iterable[Headers]:
    yield headers


@entered("header: underscores kept", get(status=422))
async def header_kept(x_a: Annotated[str, Header(convert_underscores=False)]):
    yield x_a


@entered("Last-Event-ID", get(), get(last_event_id="3"), get(last_event_id="x", status=422))
async def last_event_id(last_event_id: Annotated[int, Header()] = -1) -> AsyncIterable[int]:
    for number in range(last_event_id + 1, last_event_id + 3):
        yield number


@entered("cookie", get(cookie="session=abc; theme=dark"), get(status=422))
async def cookie(session: Annotated[str, Cookie()], theme: Annotated[str, Cookie()] = "light"):
    yield [session, theme]


@entered("cookie: a model", get(cookie="session=abc"), get(cookie="session=a; theme=x", status=422))
async def cookie_model(cookies: Annotated[Cookies, Cookie()]) -> AsyncIterable[Cookies]:
    yield cookies


JSON = {"theName": "n", "inner": {"theName": "m"}}
NO_JSON = b'{"theName": '


@entered(
    "body: a model",
    post(json=JSON),
    post(json={}, status=422),
    post(json=[], status=422),
    post(body=NO_JSON, content_type="application/json", status=422),
    post(body=b"{}", content_type="text/plain", status=422),
    post(status=422),
)
async def body_model(item: Item) -> AsyncIterable[Item]:
    yield item


@entered("body: embedded", post(json={"item": JSON}), post(json=JSON, status=422))
def body_embedded(item: Annotated[Item, Body(embed=True)]) -> Iterable[Item]:
    yield item


@entered(
    "body: several",
    post("/?q=1", json={"a": JSON, "b": 5}),
    post(json={}, status=422),
)
async def body_several(a: Item, b: Annotated[int, Body()], q: int = 0):
    yield a
    yield [b, q]


@entered("body: list and dict", post(json=[{"a": 1}]), post(json=[{"a": "x"}], status=422))
async def body_list(items: list[dict[str, int]]):
    for item in items:
        yield item


@entered("body: optional", post(), post(json=JSON))
async def body_optional(item: Item | None = None):
    yield item


@entered(
    "body: discriminated",
    post(json={"kind": "cat", "lives": 9}),
    post(json={"kind": "cow"}, status=422),
)
async def body_union(pet: Annotated[Cat | Dog, Body(discriminator="kind")]):
    yield pet


@entered("body: on PUT with a path", ask("PUT", "/5", json=JSON), path="/{key}")
def body_put(key: int, item: Item):
    yield key
    yield item


@entered("body: bytes", post(body=b"\x00raw", content_type="application/x-raw"))
async def body_bytes(request: Request, data: Annotated[bytes, Body()]):
    yield [data.hex(), dict(request.headers)["content-type"]]
    yield (await request.body()).hex()


@entered("body: text", post(body=b"text", content_type="text/plain"), post(status=422))
def body_text(data: Annotated[str, Body(media_type="text/plain")]) -> Iterable[str]:
    yield data


@entered("form", post(form="a=1&b=x"), post(form="a=x", status=422))
async def form(a: Annotated[int, Form()], b: Annotated[str, Form()] = "b"):
    yield [a, b]


@entered(
    "form: a model",
    post(form="limit=5&tags=a&tags=b"),
    post(form="limit=x", status=422),
)
def form_model(data: Annotated[Filter, Form()]) -> Iterable[Filter]:
    yield data


@entered("file: bytes", post(files={"a": "text"}), post(files={"b": "text"}, status=422))
async def file_bytes(a: Annotated[bytes, File()]):
    yield a.decode()


@entered("file: upload read before the events", post(files={"a": "text"}))
def file_upload(a: UploadFile):
    yield [a.filename, a.content_type, a.size]
    yield a.file.read().decode()


@entered("file: several", post(files={"a": "one", "b": "two"}))
async def file_several(a: UploadFile, b: Annotated[bytes | None, File()] = None):
    yield (await a.read()).decode()
    yield (b or b"").decode()
    yield a.file.closed


@entered("the request and its relatives", get("/?a=1", x_a="1"))
async def special(request: Request, connection: HTTPConnection, scopes: SecurityScopes):
    yield [request.method, str(request.url), request.headers["x-a"], connection.url.query]
    yield scopes.scopes


@entered("the response as a parameter", get())
async def response(response: Response):
    yield [type(response).__name__, response.status_code]


@entered("no parameters and an unexpected query", get("/?a=1&b"))
def nothing():
    yield "nothing"


@entered(
    "every place at once",
    ask("PATCH", "/1?q=2", json=JSON, x_h="3", cookie="c=4"),
    path="/{p}",
)
async def everything(
    p: int,
    q: int,
    x_h: Annotated[int, Header()],
    c: Annotated[int, Cookie()],
    item: Item,
) -> AsyncIterable[Any]:
    yield [p, q, x_h, c]
    yield item


@row(
    post("/default", body=b'{"theName": "n"}', status=422),
    post("/lax", body=b'{"theName": "n"}'),
    post("/default", body=b'{"theName": "n"}', content_type="application/vnd.x+json"),
    newest=True,
)
def content_types_of_bodies(app, sse, trace):
    app.post("/default", response_class=sse.EventSourceResponse)(body_model)
    router = APIRouter(strict_content_type=False)
    router.post("/lax", response_class=sse.EventSourceResponse)(body_model)
    app.include_router(router)
