"""Status, headers and cookies of a stream, and the tasks that run after it."""

from typing import Annotated

import anyio
from fastapi import BackgroundTasks, Depends, Response, status
from starlette.background import BackgroundTask

from route_table.endpoints import KINDS, stream, sync_stream
from route_table.table import add, get, post, row

for code in (200, 201, 202, 203, 206, 207, 226, 299, 400, 404, 418, 500, 503):

    def declare(app, sse, trace, code=code):
        for kind, endpoint in KINDS.items():
            path = f"/{kind}"
            app.get(path, response_class=sse.EventSourceResponse, status_code=code)(endpoint)

    requests = [get(f"/{kind}", status=code) for kind in KINDS]
    add(f"status {code} of the decorator", declare, *requests, newest=code != 200)


@row(get(status=201), get("/none"), newest=True)
def a_status_as_an_enum_or_none(app, sse, trace):
    from http import HTTPStatus  # noqa: PLC0415

    created = HTTPStatus.CREATED
    app.get("/", response_class=sse.EventSourceResponse, status_code=created)(stream)
    app.get("/none", response_class=sse.EventSourceResponse, status_code=None)(stream)


@row(get(status=202), get("/both", status=206), newest=True)
def a_status_of_the_injected_response(app, sse, trace):
    def choose(response: Response):
        response.status_code = status.HTTP_202_ACCEPTED

    def choose_again(response: Response, first: Annotated[None, Depends(choose)]):
        response.status_code = 206

    for path, dependency in {"/": choose, "/both": choose_again}.items():
        app.get(
            path,
            response_class=sse.EventSourceResponse,
            dependencies=[Depends(dependency)],
            status_code=201,
        )(stream)


HEADERS = {
    "of its own": [("x-own", "1"), ("X-Own", "2")],
    "that a stream has": [("cache-control", "private"), ("x-accel-buffering", "yes")],
    "of its type": [("Content-Type", "text/plain")],
    "in Latin-1": [("x-latin", "grün"), ("x-empty", "")],
    "of links": [("link", "</a>; rel=a"), ("link", "</b>; rel=b"), ("vary", "accept")],
}
for name, headers in HEADERS.items():

    def declare(app, sse, trace, headers=headers):
        def give(response: Response):
            for header in headers:
                response.headers.append(*header)

        options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(give)]}
        app.get("/", **options)(stream)
        app.get("/sync", **options)(sync_stream)

    # The client reads headers as UTF-8.
    not_by = ("client",) if "Latin" in name else ()
    add(f"headers {name}", declare, get(), get("/sync"), not_by=not_by)


@row(get(), get("/sync"))
def cookies_of_the_injected_response(app, sse, trace):
    def give(response: Response):
        response.set_cookie("one", "1", max_age=5, path="/x", secure=True, httponly=True)
        response.set_cookie("two", "2", samesite="strict")
        response.delete_cookie("three")
        response.headers["set-cookie"] = "raw=1"

    options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(give)]}
    app.get("/", **options)(stream)
    app.get("/sync", **options)(sync_stream)


@row(get(), get("/sync"))
def what_the_generator_does_to_the_response_is_too_late(app, sse, trace):
    def late(response: Response):
        response.status_code = 500
        response.headers["x-late"] = "1"
        response.set_cookie("late", "1")
        yield 1

    async def async_late(response: Response):
        for item in late(response):
            yield item

    app.get("/", response_class=sse.EventSourceResponse)(async_late)
    app.get("/sync", response_class=sse.EventSourceResponse)(late)


@row(get())
def what_a_dependency_does_to_the_response_on_its_exit_is_too_late(app, sse, trace):
    async def late(response: Response):
        yield
        response.headers["x-late"] = "1"

    options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(late)]}
    app.get("/", **options)(stream)


@row(get(), get("/sync"))
def background_tasks_of_the_endpoint(app, sse, trace):
    async def later(word):
        trace(f"{word} begins")
        await anyio.sleep(0)
        trace(f"{word} ends")

    async def endpoint(tasks: BackgroundTasks):
        tasks.add_task(later, "before")
        yield 1
        tasks.add_task(trace, "sync task added between events")
        yield 2
        tasks.add_task(later, word="last")

    def sync_endpoint(tasks: BackgroundTasks):
        tasks.add_task(later, "sync")
        yield 1

    app.get("/", response_class=sse.EventSourceResponse)(endpoint)
    app.get("/sync", response_class=sse.EventSourceResponse)(sync_endpoint)


@row(get())
def background_tasks_of_dependencies_and_endpoint(app, sse, trace):
    async def outer(tasks: BackgroundTasks):
        tasks.add_task(trace, "task of outer")
        yield
        trace("outer exits")

    def inner(tasks: BackgroundTasks, outer: Annotated[None, Depends(outer)]):
        tasks.add_task(trace, "task of inner")
        yield
        trace("inner exits")

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(tasks: BackgroundTasks, inner: Annotated[None, Depends(inner)]):
        tasks.add_task(trace, "task of the endpoint")
        try:
            yield 1
        finally:
            trace("finally")


@row(get())
def a_background_task_on_the_injected_response(app, sse, trace):
    def give(response: Response):
        response.background = BackgroundTask(trace, "never runs: FastAPI takes headers and status")

    options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(give)]}
    app.get("/", **options)(stream)


@row(post("/", json=[1, 2]), post("/", json={}, status=422))
def background_tasks_only_if_the_request_was_right(app, sse, trace):
    async def remember(tasks: BackgroundTasks):
        tasks.add_task(trace, "task")

    options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(remember)]}

    @app.post("/", **options)
    async def endpoint(numbers: list[int]):
        for number in numbers:
            yield number
