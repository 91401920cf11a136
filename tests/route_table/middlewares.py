"""Middlewares around a stream, and other kinds of routes beside it."""

from collections.abc import AsyncIterable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.httpsredirect import HTTPSRedirectMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware

from route_table.dependencies import resource, stream
from route_table.differences import STARTS
from route_table.table import add, ask, get, row


def routes(app, sse, trace):
    """Declare a stream of each kind; each writes down its life."""
    for path, sync in {"/": False, "/sync": True}.items():
        endpoint = stream(trace, resource(trace, "resource", sync=sync), sync=sync)
        app.get(path, response_class=sse.EventSourceResponse)(endpoint)


ORIGIN = {"origin": "http://a.example"}
PREFLIGHT = {**ORIGIN, "access_control_request_method": "GET"}
CORS = {
    "of all origins": {"allow_origins": ["*"]},
    "of some origins": {"allow_origins": ["http://b.example"], "allow_headers": ["x-one"]},
    "with credentials": {
        "allow_origin_regex": ".*", "allow_credentials": True, "expose_headers": ["x-two"],
    },
}  # fmt: skip
for name, options in CORS.items():

    def declare(app, sse, trace, options=options):
        app.add_middleware(CORSMiddleware, **options)
        routes(app, sse, trace)

    add(
        f"CORS {name}",
        declare,
        get(),
        get("/sync", **ORIGIN, cookie="a=b"),
        ask("OPTIONS", "/", status=None, **PREFLIGHT),
        ask("OPTIONS", "/", status=405),
    )


class Seconds(SessionMiddleware):
    """Signs with a clock that stands still."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.signer.get_timestamp = lambda: 1_800_000_000


@row(get())
def a_session(app, sse, trace):
    app.add_middleware(Seconds, secret_key="key")

    async def sign_in(request: Request):
        request.session["user"] = 1

    @app.get("/", response_class=sse.EventSourceResponse, dependencies=[Depends(sign_in)])
    async def endpoint(request: Request):
        yield request.session
        request.session["late"] = True


class Around:
    """A plain ASGI middleware that writes down what it sees, and adds a header."""

    def __init__(self, app: Any, trace: Any, name: str = "around") -> None:
        self.app = app
        self.trace = trace
        self.name = name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.trace(f"{self.name}: {scope['type']}")

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-around", self.name.encode())]
            elif not message.get("more_body"):
                self.trace(f"{self.name}: the last message")
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self.trace(f"{self.name} is left")


async def dispatch(request: Request, call_next: Any) -> Response:
    request.state.word = "middleware"
    response = await call_next(request)
    response.headers["x-seen"] = request.url.path
    return response


async def refuse(request: Request, call_next: Any) -> Response:
    if "no" in request.query_params:
        return Response("refused", 403)
    return await call_next(request)


def trusted(host):
    return Middleware(TrustedHostMiddleware, allowed_hosts=[host])


REFUSING = Middleware(BaseHTTPMiddleware, dispatch=refuse)
HTTPS = Middleware(HTTPSRedirectMiddleware)
BASE = Middleware(BaseHTTPMiddleware, dispatch=dispatch)
PLAIN = {
    "GZip": ([Middleware(GZipMiddleware, minimum_size=1)], get(accept_encoding="gzip"), get()),
    "BaseHTTPMiddleware": ([BASE], get(), get("/sync")),
    "three BaseHTTPMiddlewares": ([BASE] * 3, get(), get("/sync")),
    "a middleware that refuses": ([REFUSING], get(), get("/?no", status=403)),
    "trusted hosts": ([trusted("test")], get(), get("/sync")),
    "no trusted host": ([trusted("other")], get(status=400)),
    "a redirect to HTTPS": ([HTTPS], get("/?a=1", status=307, empty=True)),
    "GZip inside BaseHTTPMiddleware": (
        [BASE, Middleware(GZipMiddleware)],
        get(accept_encoding="gzip"),
    ),
    "CORS, GZip, TrustedHost and BaseHTTPMiddleware": (
        [
            Middleware(CORSMiddleware, allow_origins=["*"]),
            Middleware(GZipMiddleware, minimum_size=1),
            trusted("*"),
            BASE,
        ],
        get(**ORIGIN, accept_encoding="gzip"),
        get("/sync", accept_encoding="identity"),
    ),
}  # fmt: skip
for name, (middleware, *requests) in PLAIN.items():

    def declare(app, sse, trace, middleware=middleware):
        app = FastAPI(middleware=middleware)
        routes(app, sse, trace)
        return app

    add(name, declare, *requests)


@row(get(), get("/sync"), get("/x", status=404))
def plain_asgi_middlewares(app, sse, trace):
    for name in ("inner", "outer"):
        app.add_middleware(Around, trace=trace, name=name)
    routes(app, sse, trace)


@row(get(), get("/sync"))
def plain_asgi_around_and_inside_basehttpmiddleware(app, sse, trace):
    app.add_middleware(Around, trace=trace, name="inner")
    app.middleware("http")(dispatch)
    app.add_middleware(Around, trace=trace, name="outer")
    routes(app, sse, trace)


@row(get())
def a_middleware_that_replaces_the_body_iterator(app, sse, trace):
    @app.middleware("http")
    async def upper(request, call_next):
        response = await call_next(request)
        body = response.body_iterator

        async def loud():
            async for chunk in body:
                yield chunk.upper()
            yield b": end\n\n"

        return StreamingResponse(loud(), response.status_code, dict(response.headers))

    routes(app, sse, trace)


class Starting(Around):
    """Writes down when the start of the response passes."""

    async def __call__(self, scope, receive, send):
        async def noting(message):
            if message["type"] == "http.response.start":
                self.trace("status and headers are sent")
            await send(message)

        await self.app(scope, receive, noting)


@row(get(), get("/sync"), differs=(STARTS,))
def the_start_of_the_response_and_of_the_generator(app, sse, trace):
    app.add_middleware(Starting, trace=trace)
    routes(app, sse, trace)


@row(get("/in/s"), get("/out/s"))
def middlewares_of_a_mounted_application(app, sse, trace):
    sub = FastAPI(middleware=[Middleware(Around, trace=trace, name="sub")])
    routes(sub, sse, trace)
    sub.get("/s", response_class=sse.EventSourceResponse)(stream(trace, lambda: "s"))
    app.add_middleware(Around, trace=trace, name="app")
    app.mount("/in", sub)
    app.get("/out/s", response_class=sse.EventSourceResponse)(stream(trace, lambda: "s"))


class Item(BaseModel):
    name: str
    hidden: str = "hidden"


class Shown(BaseModel):
    name: str


@row(
    *map(get, ("/s", "/json", "/cut", "/html", "/raw", "/lines", "/scalar", "/in/json")),
    get("/moved", status=307, empty=True),
    get("/nothing", status=204, empty=True),
    get("/x", status=404),
)
def ordinary_routes_beside_streams(app, sse, trace):
    app.get("/s", response_class=sse.EventSourceResponse)(stream(trace, lambda: "s"))
    app.get("/json")(lambda: {"a": [1.0, None, "ü"]})
    app.get("/cut", response_model=Shown)(lambda: Item(name="a"))
    app.get("/html", response_class=HTMLResponse)(lambda: "<p>")
    app.get("/raw", response_class=StreamingResponse)(raw)
    app.get("/lines")(lines)
    app.get("/scalar")(lambda: 5)
    app.get("/moved")(lambda: RedirectResponse("/s"))
    app.get("/nothing", status_code=204)(lambda: None)
    sub = FastAPI()
    sub.get("/json")(lambda: Item(name="b"))
    app.mount("/in", sub)


async def raw():
    yield b"one"
    yield "two"


async def lines() -> AsyncIterable[Item]:
    yield Item(name="line")


@row(get("/s"), get("/docs"), get("/redoc"), get("/openapi.json"))
def pages_of_documentation(app, sse, trace):
    @app.websocket("/socket")
    async def socket(websocket: WebSocket): ...

    app.get("/s", response_class=sse.EventSourceResponse)(stream(trace, lambda: "s"))


@row(get(), get(), not_by=("server",))  # which has no lifespan here
def the_state_of_a_lifespan(app, sse, trace):
    @asynccontextmanager
    async def lifespan(app):
        trace("lifespan begins")
        app.state.count = 0
        yield {"words": ["from the lifespan"]}
        trace("lifespan ends")

    def count(request: Request):
        request.app.state.count += 1
        return request.app.state.count

    app = FastAPI(lifespan=lifespan)

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(request: Request, count: Annotated[int, Depends(count)]):
        yield [request.state.words, count]

    return app
