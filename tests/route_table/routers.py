"""Where a route is declared: routers, prefixes, inclusions, defaults, mounts, route classes."""

from collections.abc import AsyncIterable, Iterable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.datastructures import Default
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Mount, Route

from route_table.table import get, post, row


class Item(BaseModel):
    name: str
    price: float | None = None


async def stream() -> AsyncIterable[Item]:
    yield Item(name="a")
    yield {"name": "b", "price": 1}


def sync_stream() -> Iterable[Item]:
    yield Item(name="a")


def untyped(request: Request):
    yield [request.url.path, request.scope["root_path"], request.path_params]


@row(get("/r/s"), get("/s", status=404))
def a_prefix_of_the_router(app, sse, trace):
    router = APIRouter(prefix="/r")
    router.get("/s", response_class=sse.EventSourceResponse)(stream)
    app.include_router(router)


@row(get("/a/r/s"), get("/r/s", status=404))
def prefixes_of_router_and_inclusion(app, sse, trace):
    router = APIRouter(prefix="/r")
    router.get("/s", response_class=sse.EventSourceResponse)(untyped)
    app.include_router(router, prefix="/a")


@row(get("/one/5/s"), get("/two/s", status=422))
def a_prefix_with_a_parameter(app, sse, trace):
    router = APIRouter()

    @router.get("/s", response_class=sse.EventSourceResponse)
    async def keyed(key: int) -> AsyncIterable[int]:
        yield key

    app.include_router(router, prefix="/one/{key}")
    app.include_router(router, prefix="/two")


@row(get("/a/b/c/s"), post("/a/b/s"), get("/a/s"))
def routers_in_routers_in_routers(app, sse, trace):
    a, b, c = (APIRouter(prefix=f"/{name}", tags=[name]) for name in "abc")
    for router in (a, c):
        router.get("/s", response_class=sse.EventSourceResponse)(untyped)
    b.post("/s", response_class=sse.EventSourceResponse)(sync_stream)
    b.include_router(c)
    a.include_router(b)
    app.include_router(a)


@row(get("/one/s"), get("/two/s"), get("/two/deep/s"))
def a_router_included_three_times(app, sse, trace):
    inner = APIRouter()
    inner.get("/s", response_class=sse.EventSourceResponse)(stream)
    outer = APIRouter()
    outer.include_router(inner)
    outer.include_router(inner, prefix="/deep", tags=["deep"])
    app.include_router(inner, prefix="/one", include_in_schema=False)
    app.include_router(outer, prefix="/two", responses={404: {"description": "none"}})


@row(get("/r/before"), get("/r/after", status=None))
def a_route_declared_after_the_inclusion(app, sse, trace):
    router = APIRouter()
    router.get("/before", response_class=sse.EventSourceResponse)(stream)
    app.include_router(router, prefix="/r")
    router.get("/after", response_class=sse.EventSourceResponse)(stream)


@row(get("/s"), get("/json"), get("/typed"))
def default_response_class_of_the_application(app, sse, trace):
    app = FastAPI(default_response_class=sse.EventSourceResponse)
    app.get("/s")(untyped)
    app.get("/typed")(sync_stream)
    app.get("/json", response_class=JSONResponse)(lambda: {"a": 1})
    return app


@row(get("/r/s"), get("/r/plain"), get("/r/text"))
def default_response_class_of_a_router(app, sse, trace):
    router = APIRouter(prefix="/r", default_response_class=sse.EventSourceResponse)
    router.get("/s")(stream)
    router.get("/plain")(lambda: [1, 2])
    router.get("/text", response_class=PlainTextResponse)(lambda: "text")
    app.include_router(router)


@row(get("/r/s"), get("/r/json"), get("/lines/s"))
def default_response_class_of_an_inclusion(app, sse, trace):
    router = APIRouter()
    router.get("/s")(stream)
    router.get("/json", response_class=JSONResponse)(lambda: {"a": 1})
    app.include_router(router, prefix="/r", default_response_class=sse.EventSourceResponse)
    app.include_router(router, prefix="/lines")


@row(get("/outer/s"), get("/outer/inner/s"), get("/outer/own/s"))
def the_nearest_default_response_class_counts(app, sse, trace):
    app = FastAPI(default_response_class=PlainTextResponse)
    inner = APIRouter()
    inner.get("/s")(sync_stream)
    own = APIRouter(default_response_class=sse.EventSourceResponse)
    own.get("/s")(stream)
    outer = APIRouter(default_response_class=sse.EventSourceResponse)
    outer.get("/s")(stream)
    outer.include_router(inner, prefix="/inner")
    outer.include_router(own, prefix="/own", default_response_class=JSONResponse)
    app.include_router(outer, prefix="/outer")
    return app


@row(get("/s"), get("/r/sync"))
def a_response_class_that_is_only_a_default(app, sse, trace):
    app.get("/s", response_class=Default(sse.EventSourceResponse))(stream)
    router = APIRouter()
    router.get("/sync", response_class=Default(sse.EventSourceResponse))(sync_stream)
    app.include_router(router, prefix="/r")


@row(get("/r/s", status=207), newest=True)
def dependencies_and_status_of_a_router(app, sse, trace):
    def entering(request: Request, response: Response):
        trace(request.scope["route"].path)
        response.status_code = 207

    router = APIRouter(dependencies=[Depends(entering)])
    router.get("/s", response_class=sse.EventSourceResponse, status_code=201)(stream)
    app.include_router(router, prefix="/r")


@row(get("/sub/s"), get("/sub/x", status=404), get("/sub/openapi.json"))
def a_mounted_application(app, sse, trace):
    sub = FastAPI()
    sub.get("/s", response_class=sse.EventSourceResponse)(untyped)
    app.mount("/sub", sub)


@row(get("/a/b/s"), get("/a/s"))
def an_application_mounted_in_a_mounted_one(app, sse, trace):
    inner, outer = FastAPI(), FastAPI()
    inner.get("/s", response_class=sse.EventSourceResponse)(untyped)
    outer.get("/s", response_class=sse.EventSourceResponse)(stream)
    outer.mount("/b", inner)
    app.mount("/a", outer)


@row(get("/s"))
def an_application_behind_a_proxy(app, sse, trace):
    app = FastAPI(servers=[{"url": "/x"}])
    app.root_path = "/api/v1"  # as an argument it is deprecated
    app.get("/s", response_class=sse.EventSourceResponse)(untyped)
    return app


@row(get("/m/s"), get("/plain"))
def routes_of_starlette_beside_and_above(app, sse, trace):
    sub = FastAPI()
    sub.get("/s", response_class=sse.EventSourceResponse)(stream)
    app.router.routes.append(Mount("/m", routes=[Mount("/", app=sub)]))
    app.router.routes.append(Route("/plain", lambda request: PlainTextResponse("plain")))


class Timed(APIRoute):
    """Does something around the handler, as FastAPI's documentation shows it."""

    def get_route_handler(self):
        handler = super().get_route_handler()

        async def timed(request: Request) -> Response:
            request.state.word = "route class"
            response = await handler(request)
            response.headers["x-time"] = "1"
            return response

        return timed


@row(get("/r/s"), get("/r/word"))
def a_route_class_of_a_router(app, sse, trace):
    router = APIRouter(route_class=Timed)
    router.get("/s", response_class=sse.EventSourceResponse)(stream)

    @router.get("/word", response_class=sse.EventSourceResponse)
    async def word(request: Request):
        yield request.state.word

    app.include_router(router, prefix="/r")


class Reading(APIRoute):
    """Replaces the request, as FastAPI's documentation shows it."""

    def get_route_handler(self):
        handler = super().get_route_handler()

        async def reading(request: Request) -> Response:
            class Upper(Request):
                async def body(self) -> bytes:
                    return (await super().body()).upper()

            return await handler(Upper(request.scope, request.receive))

        return reading


@row(post("/", json={"a": "b"}))
def a_route_class_with_a_request_of_its_own(app, sse, trace):
    app.router.route_class = Reading

    @app.post("/", response_class=sse.EventSourceResponse)
    async def echo(data: dict[str, Any]):
        yield data


@row(get("/slash/"), get("/slash", status=307, empty=True), get("/no", status=200))
def slashes_are_redirected(app, sse, trace):
    app.get("/slash/", response_class=sse.EventSourceResponse)(stream)
    app.get("/no", response_class=sse.EventSourceResponse)(stream)


@row(get("/slash", status=404))
def slashes_are_not_redirected(app, sse, trace):
    app = FastAPI(redirect_slashes=False)
    app.get("/slash/", response_class=sse.EventSourceResponse)(stream)
    return app


@row(get("/x/1"), get("/x/me"))
def the_first_route_that_matches_answers(app, sse, trace):
    app.get("/x/me", response_class=sse.EventSourceResponse)(stream)
    app.get("/x/{key}", response_class=sse.EventSourceResponse)(untyped)


@row(get("/s"), get("/sub/s"))
def names_and_urls(app, sse, trace):
    sub = FastAPI()

    async def urls(request: Request):
        yield [request.scope["route"].name, str(request.url), str(request.base_url)]

    app.get("/s", response_class=sse.EventSourceResponse, name="own name")(urls)
    sub.get("/s", response_class=sse.EventSourceResponse)(urls)
    app.mount("/sub", sub, name="sub")


@row(get("/s"), get("/s"))
def a_route_removed_and_declared_again(app, sse, trace):
    app.get("/s", response_class=sse.EventSourceResponse)(stream)
    app.router.routes.pop()
    app.get("/s", response_class=sse.EventSourceResponse)(sync_stream)


@row(get("/s"))
def a_subclass_of_the_response_class(app, sse, trace):
    class Own(sse.EventSourceResponse):
        media_type = "text/x-own"
        status_code = 299

    app.get("/s", response_class=Own)(stream)
