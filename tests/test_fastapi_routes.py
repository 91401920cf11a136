"""Everything around the items of a route: where it is declared, status, headers, dependencies."""

import functools
from collections import defaultdict
from collections.abc import AsyncIterable, Iterable
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

import twins

pytestmark = pytest.mark.newest


@pytest.fixture(scope="module", params=twins.COMBINATIONS)
def pair(request):
    with twins.served(request.param) as pair:
        yield pair


@pytest.fixture
def same(pair):
    return pair.same


class Item(BaseModel):
    name: str
    price: float = 1e16


class Rich(Item):
    secret: str = "hidden"


async def stream_items() -> AsyncIterable[Item]:
    for name in ("pen", "grüße \u2028"):
        yield Rich(name=name)
        await anyio.sleep(0)


def stream_items_sync() -> Iterable[Item]:
    yield Rich(name="pen")
    yield Rich(name="ink")


def return_items():
    return [Item(name="pen"), {"price": 1e16}]


STREAMS = {"async": stream_items, "sync": stream_items_sync, "plain": return_items}
all_kinds = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)


@pytest.mark.parametrize("status", [200, 201, 202, 207, 299, 404, 418, 500])
@all_kinds
def test_a_status_code_of_the_decorator(same, stream, status):
    """A stream may have any status that has a body."""

    def routes(app, sse):
        app.get("/", response_class=sse.EventSourceResponse, status_code=status)(stream)

    same(routes, status=status)


def prepare(response: Response):
    response.status_code = 203
    response.headers["x-one"] = "1"
    response.headers["cache-control"] = "private"
    response.headers["Content-Type"] = "text/plain"
    response.set_cookie("session", "abc", httponly=True)
    response.set_cookie("second", "2")


@all_kinds
def test_an_injected_response_before_the_stream(same, stream):
    """Status, headers and cookies that a dependency sets are sent, duplicates included."""

    def routes(app, sse):
        options = {"status_code": 201, "dependencies": [Depends(prepare)]}
        app.get("/", response_class=sse.EventSourceResponse, **options)(stream)

    reply = same(routes, status=203)
    assert [v for n, v in reply.headers if n == b"cache-control"] == [b"no-cache", b"private"]
    assert len([v for n, v in reply.headers if n == b"set-cookie"]) == 2


def test_an_injected_response_inside_the_generator_is_too_late(same):
    """The answer has started by then: what the generator sets has no effect."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream(response: Response):
            response.status_code = 500
            response.headers["x-late"] = "1"
            response.set_cookie("late", "1")
            yield 1

    assert not [n for n, _ in same(routes).headers if n in {b"x-late", b"set-cookie"}]


@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_the_order_of_the_end(pair, scope, sync):
    """The generator's `finally`, background and the exit of dependencies keep FastAPI's order."""
    logs = defaultdict(list)

    def routes(app, sse):
        log = logs[sse.__name__]

        async def one(tasks: BackgroundTasks):
            tasks.add_task(log.append, "background")
            log.append("one enters")
            yield "one"
            log.append("one exits")

        # A `def` of function scope exits in a thread, meanwhile FastAPI's generator has started.
        async def two(one: Annotated[str, Depends(one, scope=scope)]):
            log.append("two enters")
            yield f"two after {one}"
            log.append("two exits")

        def body(given):
            log.append("start")
            try:
                yield given
            finally:
                log.append("finally")

        Two = Annotated[str, Depends(two, scope=scope)]  # noqa: N806

        def sync_stream(two: Two) -> Iterable[str]:
            yield from body(two)

        async def stream(two: Two) -> AsyncIterable[str]:
            for item in body(two):
                yield item

        app.get("/", response_class=sse.EventSourceResponse)(sync_stream if sync else stream)

    assert pair.same(routes).body == b'data: "two after one"\n\n'
    theirs, ours = logs.values()
    assert ours == theirs
    assert ours.index("finally") < ours.index("background")
    assert (ours.index("one exits") < ours.index("start")) is (scope == "function")


def test_dependencies_and_overrides(same):
    """Dependencies of application, router, decorator and parameters run; an override replaces."""

    def real():
        raise AssertionError("overridden")

    def header(response: Response, name: str = "x-from-app"):
        response.headers.append(name, "1")

    def routes(app, sse):
        sub = Depends(functools.partial(header, name="x-partial"))
        app = FastAPI(dependencies=[Depends(header)])
        router = APIRouter(dependencies=[sub], default_response_class=sse.EventSourceResponse)

        @router.get("/{key}", dependencies=[Depends(header)])
        async def stream(
            key: int, got: Annotated[Any, Depends(real)], q: list[str] | None = None
        ) -> AsyncIterable[str]:
            yield f"{key} {got} {q}"

        app.include_router(router)
        app.dependency_overrides[real] = lambda: "override"
        return app

    assert same(routes, "/5").body == b'data: "5 override None"\n\n'
    same(routes, "/x", status=422)


def nested(app: FastAPI, sse: Any) -> None:
    """Routers in routers, included twice, with options at every level."""
    default = {"default_response_class": sse.EventSourceResponse}
    inner = APIRouter(prefix="/inner", tags=["inner"], **default)
    inner.get("/default")(stream_items)
    inner.post("/named/{key}", response_class=sse.EventSourceResponse)(stream_items_sync)
    outer = APIRouter(prefix="/outer", responses={404: {"description": "none"}})
    outer.get("/own", response_class=sse.EventSourceResponse, status_code=202)(stream_items)
    outer.include_router(inner, prefix="/more", dependencies=[Depends(prepare)])
    app.include_router(outer, prefix="/api")
    app.include_router(outer, prefix="/again", **default)
    app.include_router(inner)


@pytest.mark.parametrize("prefix", ["/api/outer", "/again/outer"])
def test_nested_routers(same, prefix):
    """A route works under every prefix it is included with, with the options of each."""
    assert b"hidden" not in same(nested, f"{prefix}/own", status=202).body
    assert b"hidden" not in same(nested, f"{prefix}/more/inner/default", status=203).body
    same(nested, f"{prefix}/more/inner/named/1", method="POST", status=203)
    same(nested, "/inner/default")


@all_kinds
def test_default_response_class_of_the_application(same, stream):
    """An application may stream by default; a route may still say otherwise."""

    def routes(app, sse):
        app = FastAPI(default_response_class=sse.EventSourceResponse)
        app.get("/")(stream)
        return app

    assert same(routes).body.count(b"\n\n") == 2


@all_kinds
@pytest.mark.parametrize("where", ["include_router", "router"])
def test_default_response_class_of_a_router(same, stream, where):
    """A router, or its inclusion, may stream by default."""

    def routes(app, sse):
        default = {"default_response_class": sse.EventSourceResponse}
        router = APIRouter(**(default if where == "router" else {}))
        router.get("/")(stream)
        app.include_router(router, prefix="/r", **(default if where != "router" else {}))

    assert same(routes, "/r/").body.count(b"\n\n") == 2


def test_other_routes_of_the_application_are_as_ever(same):
    """JSON, JSON lines, raw streams and plain responses live beside the streams."""

    def routes(app, sse):
        app.get("/sse", response_class=sse.EventSourceResponse)(stream_items)
        app.get("/lines")(stream_items)
        app.get("/raw", response_class=twins.Raw)(lambda: (b for b in [b"a", b"b"]))
        app.get("/json")(lambda: Rich(name="x"))
        app.get("/cut", response_model=Item)(lambda: Rich(name="x"))
        app.get("/response")(lambda: Response("text"))

    for path in ("/sse", "/lines", "/raw", "/json", "/cut", "/response"):
        same(routes, path)


def test_a_mounted_application(same):
    """A sub-application below a path, inside another one, is served."""

    def routes(app, sse):
        sub = FastAPI()
        sub.get("/stream", response_class=sse.EventSourceResponse)(stream_items)

        @sub.get("/url", response_class=sse.EventSourceResponse)
        async def url(request: Request):
            yield [str(request.url.path), request.scope["root_path"]]

        middle = FastAPI()
        middle.mount("/sub", sub)
        app.mount("/middle", middle)

    same(routes, "/middle/sub/stream")
    assert same(routes, "/middle/sub/url").body.startswith(b'data: ["/middle/sub/url", ')


@all_kinds
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method(same, stream, method):
    """Every method with a body in its answer may stream."""

    def routes(app, sse):
        app.api_route("/", response_class=sse.EventSourceResponse, methods=[method])(stream)

    same(routes, method=method)


def test_head_is_405(pair):
    """HEAD is refused as FastAPI refuses it, with the methods that are allowed."""

    def routes(app, sse):
        app.get("/", response_class=sse.EventSourceResponse)(stream_items)

    theirs = pair.theirs.ask(routes, method="HEAD")
    ours = pair.ours.ask(routes, method="HEAD")
    assert ours.comparable == theirs.comparable
    assert (ours.status, ours.body) == (405, b"")
    assert (b"allow", b"GET") in ours.headers


def test_an_endpoint_that_is_no_function(same):
    """Callable objects, partials and decorated functions stream like functions."""

    class Callable:
        async def __call__(self, start: int = 5) -> AsyncIterable[int]:
            yield start

    def decorated(function):
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any):
            return function(*args, **kwargs)

        return wrapper

    async def plain(start: int = 7) -> AsyncIterable[int]:
        yield start

    def routes(app, sse):
        for path, endpoint in {
            "/object": Callable(),
            "/partial": functools.partial(plain, start=8),
            "/wrapped": decorated(stream_items),
            "/wrapped-sync": decorated(stream_items_sync),
            "/method": Callable().__call__,
        }.items():
            app.get(path, response_class=sse.EventSourceResponse)(endpoint)

    for path in ("/object", "/object?start=1", "/partial", "/wrapped", "/wrapped-sync", "/method"):
        same(routes, path)


def test_a_declared_iterable_of_nothing_is_refused_alike():
    """A bare `AsyncIterable` fails when the route is declared, with FastAPI's error."""

    async def stream() -> AsyncIterable:
        yield 1

    def routes(app, sse):
        app.get("/", response_class=sse.EventSourceResponse)(stream)

    errors = []
    for module in twins.MODULES:
        with pytest.raises(Exception) as caught:
            twins.build(routes, module)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


def test_middlewares(same):
    """CORS, GZip and a `BaseHTTPMiddleware` around the stream change both alike."""

    async def dispatch(request, call_next):
        response = await call_next(request)
        response.headers["x-seen"] = "1"
        return response

    def routes(app, sse):
        app.add_middleware(CORSMiddleware, allow_origins=["*"])
        app.add_middleware(GZipMiddleware, minimum_size=1)
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
        app.get("/", response_class=sse.EventSourceResponse)(stream_items)

    for headers in ("", "origin: http://a\r\n", "accept-encoding: gzip\r\n"):
        same(routes, headers=headers)


def test_context_variables(same):
    """What a dependency set is seen, and what the generator sets stays across its events."""
    variable = ContextVar("variable", default="unset")

    async def dependency():
        variable.set("from the dependency")

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse, dependencies=[Depends(dependency)])
        async def stream():
            for number in range(3):
                yield variable.get()
                await anyio.sleep(0.001)
                variable.set(f"from the generator {number}")

    body = same(routes).body
    assert b"from the dependency" in body
    assert b"from the generator 1" in body


def test_the_request_body_inside_the_generator(same):
    """The generator may read parsed, raw and already consumed bodies."""

    def routes(app, sse):
        @app.post("/", response_class=sse.EventSourceResponse)
        async def stream(request: Request, value: Annotated[dict[str, int], Body()]):
            yield value
            yield (await request.body()).decode()

    same(routes, method="POST", headers="content-type: application/json\r\n", body=b'{"a": 1}')


def test_route_metadata(same):
    """The request sees its route and endpoint, and the route is an ordinary one."""

    def routes(app, sse):
        @app.get("/{key}", response_class=sse.EventSourceResponse, name="stream")
        async def stream(request: Request):
            route = request.scope["route"]
            yield [route.path, route.name, type(route) is APIRoute, route.dependant.path]
            yield [request.scope["endpoint"] is stream, request.path_params]
            yield str(request.url_for("stream", key="5").path)

    same(routes, "/1")
