"""What an endpoint may be, and with which methods it is declared."""

import functools
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
)
from typing import Any

import anyio
from fastapi import APIRouter, FastAPI

from route_table.table import add, ask, get, post, row


async def stream() -> AsyncIterable[int]:
    yield 1
    await anyio.sleep(0)
    yield 2


def sync_stream() -> Iterable[int]:
    yield 1
    yield 2


def returned() -> Any:
    return [1, {"two": 2.0}]


KINDS = {"async": stream, "sync": sync_stream, "returned": returned}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

for method in METHODS:
    for kind, endpoint in KINDS.items():

        def declare(app, sse, trace, method=method, endpoint=endpoint):
            decorator = getattr(app, method.lower())
            decorator("/", response_class=sse.EventSourceResponse)(endpoint)

        other = "GET" if method != "GET" else "HEAD"
        add(f"{method} {kind}", declare, ask(method), ask(other, status=405, empty=True))


@row(ask("HEAD", status=405, empty=True), ask("POST", status=405), get("/none", status=404))
def other_methods_and_paths_are_refused(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(stream)


@row(get(), post(), ask("DELETE"), ask("PUT", status=405))
def api_route_with_several_methods(app, sse, trace):
    methods = ["GET", "POST", "DELETE"]
    app.api_route("/", methods=methods, response_class=sse.EventSourceResponse)(stream)


@row(get("/a"), get("/b"), post("/c", status=201), newest=True)
def routes_that_are_added_by_a_call(app, sse, trace):
    app.add_api_route("/a", stream, response_class=sse.EventSourceResponse)
    app.router.add_api_route("/b", sync_stream, response_class=sse.EventSourceResponse)
    router = APIRouter()
    router.add_api_route(
        "/c", returned, methods=["POST"], status_code=201, response_class=sse.EventSourceResponse
    )
    app.include_router(router)


@row(get(), ask("HEAD", empty=True))
def head_declared_beside_get(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(stream)
    app.head("/")(lambda: None)


class Callable:
    """Instances of it are endpoints."""

    def __init__(self, first: int = 1) -> None:
        self.first = first

    async def __call__(self, more: int = 5) -> AsyncIterable[int]:
        yield self.first
        yield more

    async def method(self, more: int = 6) -> AsyncIterable[int]:
        yield self.first
        yield more

    @staticmethod
    async def static(more: int = 7):
        yield more

    @classmethod
    def of_class(cls, more: int = 8):
        yield [cls.__name__, more]


class SyncCallable:
    def __call__(self, more: int = 5) -> Iterable[int]:
        yield more


def traced(function):
    """Decorate as most decorators do."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any):
        return function(*args, **kwargs)

    return wrapper


def doubled(function):
    """Decorate by an async generator of its own."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any):
        async for item in function(*args, **kwargs):
            yield item
            yield item

    return wrapper


async def counted(upto: int = 2, label: str = "n") -> AsyncIterable[str]:
    for number in range(upto):
        yield f"{label}{number}"


def sync_counted(upto: int = 2, label: str = "n") -> Iterable[str]:
    for number in range(upto):
        yield f"{label}{number}"


class Numbers:
    """Iterable, and no iterator."""

    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])


class Indexed:
    """Iterable by the old protocol."""

    def __getitem__(self, index: int) -> int:
        return [1, 2][index]


def returned_numbers():
    return Numbers()


def returned_indexed():
    return Indexed()


def returned_nothing():
    return []


ENDPOINTS = {
    "a callable object": (Callable(), get(), get("/?more=9")),
    "a sync callable object": (SyncCallable(), get(), get("/?more=9")),
    "a bound method": (Callable(4).method, get("/?more=1")),
    "a static method": (Callable.static, get()),
    "a class method": (Callable.of_class, get()),
    "a partial": (functools.partial(counted, label="p"), get(), get("/?upto=1")),
    "a partial of a sync generator": (functools.partial(sync_counted, label="p"), get("/?upto=3")),
    "a partial of a method": (functools.partial(Callable().method, more=3), get()),
    "a partial of a partial": (functools.partial(functools.partial(counted), upto=1), get()),
    "a decorated generator": (traced(counted), get("/?upto=3")),
    "a decorated sync generator": (traced(sync_counted), get("/?upto=3")),
    "a generator decorated twice": (traced(traced(counted)), get()),
    "a decorator that is a generator": (doubled(counted), get("/?upto=1")),
    "a decorated method": (traced(Callable().method), get()),
    "a lambda that returns a generator": (lambda: (n for n in range(2)), get()),
    "a lambda that returns an iterator": (lambda: map(str, range(2)), get()),
    "a function that returns an iterable": (returned_numbers, get()),
    "a function that returns a range": (lambda: range(3), get()),
    "a function that returns a set": (lambda: {1}, get()),
    "a function that returns a dict": (lambda: {"a": 1, "b": 2}, get()),
    "a function that returns another one's generator": (lambda: sync_counted(3), get()),
    "a function that returns something indexed": (returned_indexed, get()),
}  # fmt: skip

for name, (endpoint, *requests) in ENDPOINTS.items():

    def declare(app, sse, trace, endpoint=endpoint):
        app.get("/", response_class=sse.EventSourceResponse)(endpoint)

    add(name, declare, *requests)


async def iterator() -> AsyncIterator[int]:
    yield 1


async def generator() -> AsyncGenerator[int, None]:
    yield 1


def sync_iterator() -> Iterator[int]:
    yield 1


def sync_generator() -> Generator[int, None, str]:
    got = yield 1
    return f"ignored {got}"


async def empty() -> AsyncIterable[int]:
    return
    yield


def sync_empty() -> Iterable[int]:
    yield from ()


@row(get("/0"), get("/1"), get("/2"), get("/3"), get("/4"))
def every_way_to_annotate_a_generator(app, sse, trace):
    kinds = [iterator, generator, sync_iterator, sync_generator, counted]
    for number, endpoint in enumerate(kinds):
        app.get(f"/{number}", response_class=sse.EventSourceResponse)(endpoint)


@row(get("/async", empty=True), get("/sync", empty=True), get("/returned", empty=True))
def streams_without_events(app, sse, trace):
    app.get("/async", response_class=sse.EventSourceResponse)(empty)
    app.get("/sync", response_class=sse.EventSourceResponse)(sync_empty)
    app.get("/returned", response_class=sse.EventSourceResponse)(returned_nothing)


@row(get("/a"), get("/b?upto=1"), get("/c"))
def one_function_under_several_paths(app, sse, trace):
    for path in ("/a", "/b", "/c"):
        app.get(path, response_class=sse.EventSourceResponse)(counted)


@row(get("/"), get("/", accept="text/event-stream"), get("/", accept="application/json"))
def accept_is_not_looked_at(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(counted)


@row(get())
def a_generator_that_delegates(app, sse, trace):
    def outer() -> Iterable[Any]:
        got = yield from sync_generator()
        yield got

    app.get("/", response_class=sse.EventSourceResponse)(outer)


@row(get())
def the_endpoint_is_returned_by_the_decorator(app, sse, trace):
    assert app.get("/", response_class=sse.EventSourceResponse)(stream) is stream


@row(get(status=202), get("/x", status=404), newest=True)
def an_application_made_of_routes(app, sse, trace):
    source = FastAPI()
    source.get("/", response_class=sse.EventSourceResponse, status_code=202)(stream)
    return FastAPI(routes=source.routes)
