"""What runs around an endpoint: dependencies of every kind and place, overrides, security."""

import functools
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, Security
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    SecurityScopes,
)

from route_table.differences import RACES
from route_table.table import add, get, row


def resource(trace, name, *, sync=False, after=()):
    """Make a dependency with `yield` that writes down its life."""
    parameters = [Depends(dependency) for dependency in after]

    async def enter(first=parameters[0] if parameters else None):
        trace(f"{name} enters")
        try:
            yield name
        except BaseException as error:
            trace(f"{name} sees {type(error).__name__}")
            raise
        finally:
            trace(f"{name} exits")

    def sync_enter(first=parameters[0] if parameters else None):
        trace(f"{name} enters")
        try:
            yield name
        finally:
            trace(f"{name} exits")

    return sync_enter if sync else enter


def stream(trace, dependency, *, sync=False, scope=None):
    """Make an endpoint that writes down its life and streams what the dependency gives."""
    options = {} if scope is None else {"scope": scope}

    async def endpoint(given=Depends(dependency, **options)):  # noqa: B008  # FastAPI's way
        trace("starts")
        try:
            yield given
            await anyio.sleep(0)
            trace("goes on")
            yield "last"
        finally:
            trace("finally")

    def sync_endpoint(given=Depends(dependency, **options)):  # noqa: B008  # FastAPI's way
        trace("starts")
        try:
            yield given
            trace("goes on")
            yield "last"
        finally:
            trace("finally")

    return sync_endpoint if sync else endpoint


for sync in (False, True):
    for sync_dependency in (False, True):
        for scope in (None, "request", "function"):

            def declare(app, sse, trace, case=(sync, sync_dependency, scope)):
                sync, sync_dependency, scope = case
                dependency = resource(trace, "resource", sync=sync_dependency)
                endpoint = stream(trace, dependency, sync=sync, scope=scope)
                app.get("/", response_class=sse.EventSourceResponse)(endpoint)

            words = [("async", "sync")[kind] for kind in (sync_dependency, sync)]
            name = f"{words[0]} dependency of scope {scope}, {words[1]} generator"
            # A worker thread is leaving that scope while FastAPI's generator starts.
            races = scope == "function" and sync_dependency
            add(name, declare, get(), differs=(RACES,) if races else ())


@row(get())
def dependencies_of_dependencies(app, sse, trace):
    first = resource(trace, "first")
    second = resource(trace, "second", sync=True, after=[first])
    third = resource(trace, "third", after=[second])
    app.get("/", response_class=sse.EventSourceResponse)(stream(trace, third))


@row(get())
def dependencies_of_every_place_in_order(app, sse, trace):
    app = FastAPI(dependencies=[Depends(resource(trace, "application"))])
    router = APIRouter(dependencies=[Depends(resource(trace, "router", sync=True))])
    router.get(
        "/",
        response_class=sse.EventSourceResponse,
        dependencies=[Depends(resource(trace, "decorator"))],
    )(stream(trace, resource(trace, "parameter")))
    app.include_router(router, dependencies=[Depends(resource(trace, "inclusion"))])
    return app


@row(get(), get())
def a_dependency_shared_by_two_others_runs_once(app, sse, trace):
    shared = resource(trace, "shared")

    def left(shared=Depends(shared)):  # noqa: B008
        return f"left of {shared}"

    def right(shared=Depends(shared), again=Depends(shared, use_cache=False)):  # noqa: B008
        return f"right of {shared}, {again}"

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(left=Depends(left), right=Depends(right)):  # noqa: B008
        yield [left, right]


class Page:
    """A dependency that is a class."""

    def __init__(self, limit: int = 10, skip: int = 0) -> None:
        self.limit = limit
        self.skip = skip


class Checker:
    """A dependency that is an instance."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self, q: str = "") -> bool:
        return self.word in q


class AsyncChecker(Checker):
    async def __call__(self, q: str = "") -> Any:
        yield self.word in q


@row(get("/?limit=3"), get("/?limit=x", status=422))
def a_class_as_a_dependency(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(page: Annotated[Page, Depends()]):
        yield vars(page)


@row(get("/?q=aword"), get())
def instances_and_partials_as_dependencies(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    def endpoint(
        a: Annotated[bool, Depends(Checker("word"))],
        b: Annotated[bool, Depends(AsyncChecker("a"))],
        c: Annotated[bool, Depends(functools.partial(Checker("w").__call__))],
    ):
        yield [a, b, c]


def real():
    raise AssertionError("it is overridden")


@row(get("/?q=1"), get("/?q=x", status=422))
def an_override_with_parameters_of_its_own(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(stream(trace, real))

    def other(q: int):
        return q

    app.dependency_overrides[real] = other


@row(get())
def an_override_that_yields(app, sse, trace):
    router = APIRouter()
    router.get("/", response_class=sse.EventSourceResponse)(stream(trace, real, sync=True))
    app.include_router(router)
    app.dependency_overrides[real] = resource(trace, "override")


@row(get(), get())
def an_override_set_by_an_endpoint_counts_from_the_next_request(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(word: Annotated[str, Depends(lambda: "real")]):
        yield word

    (call,) = [d.call for d in app.routes[-1].dependant.dependencies]

    @app.middleware("http")
    async def override(request, call_next):
        response = await call_next(request)
        app.dependency_overrides[call] = lambda: "override"
        return response


def teapot(code=418):
    raise HTTPException(code, "no coffee", {"x-why": "teapot"})


def refusing(trace, when):
    async def dependency():
        trace("enters")
        if when == "before":
            teapot(403)
        yield
        trace("exits")
        if when == "after":
            trace("fails after")

    return dependency


@row(get(status=403), get("/sync", status=418))
def a_dependency_that_refuses_before_its_yield(app, sse, trace):
    outer = resource(trace, "outer")
    options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(outer)]}
    app.get("/", **options)(stream(trace, refusing(trace, "before")))
    app.get("/sync", **options)(stream(trace, teapot, sync=True))


@row(get())
def a_dependency_that_does_more_after_its_yield(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(stream(trace, refusing(trace, "after")))


@row(get())
def a_dependency_that_reads_the_body_and_the_state(app, sse, trace):
    async def dependency(request: Request):
        request.state.word = "state"
        return len(await request.body())

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(request: Request, length: Annotated[int, Depends(dependency)]):
        yield [request.state.word, length]


variable: ContextVar[str] = ContextVar("variable", default="unset")


@row(get(), get("/sync"))
def context_variables_of_dependencies(app, sse, trace):
    async def dependency():
        token = variable.set("dependency")
        yield
        trace(variable.get())
        variable.reset(token)

    @app.get("/", response_class=sse.EventSourceResponse, dependencies=[Depends(dependency)])
    async def endpoint():
        yield variable.get()
        variable.set("generator")
        yield variable.get()

    @app.get("/sync", response_class=sse.EventSourceResponse, dependencies=[Depends(dependency)])
    def sync_endpoint():
        yield variable.get()


@row(get(x_key="k"), get(status=None), get(x_key="wrong", status=403))
def an_api_key_in_a_header(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(key: Annotated[str, Security(APIKeyHeader(name="x-key"))]):
        yield key

    @app.middleware("http")
    async def check(request, call_next):
        if request.headers.get("x-key") == "wrong":
            return Response("wrong", 403)
        return await call_next(request)


@row(get("/?key=k"), get(cookie="key=c"), get())
def api_keys_that_are_optional(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(
        query: Annotated[str | None, Security(APIKeyQuery(name="key", auto_error=False))],
        cookie: Annotated[str | None, Security(APIKeyCookie(name="key", auto_error=False))],
    ):
        yield [query, cookie]


@row(
    get(authorization="Bearer t"),
    get(authorization="Basic t", status=None),
    get(status=None),
)
def a_bearer_token(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    def endpoint(token: Annotated[HTTPAuthorizationCredentials, Security(HTTPBearer())]):
        yield [token.scheme, token.credentials]


@row(get(authorization="Basic dTpw"), get(authorization="Basic !", status=401), get(status=401))
def basic_credentials(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(who: Annotated[HTTPBasicCredentials, Depends(HTTPBasic(realm="r"))]):
        yield [who.username, who.password]


@row(get(authorization="Bearer t"), get(status=401))
def oauth2_with_scopes(app, sse, trace):
    token = OAuth2PasswordBearer("token", scopes={"read": "r", "write": "w"})

    def user(scopes: SecurityScopes, token: Annotated[str, Depends(token)]):
        return [scopes.scopes, token]

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(user: Annotated[Any, Security(user, scopes=["read"])]):
        yield user


@row(get(status=409))
def a_dependency_whose_http_exception_has_a_handler(app, sse, trace):
    @app.exception_handler(HTTPException)
    async def handler(request, error):
        trace("handler")
        return Response(error.detail, 409)

    app.get("/", response_class=sse.EventSourceResponse)(stream(trace, teapot))
