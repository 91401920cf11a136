"""What FastAPI's path of streams is not made for, and what an application does about errors."""

import logging
import threading

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from route_table.differences import CHECKED, GROUP, HEADERS, NO_YIELD, RETURNED, THREAD
from route_table.errors import ERRORS, CustomError, handlers, numbers, returned_numbers
from route_table.table import get, row


@row(get(status=418), get("/custom", status=409), get("/plain", status=500))
def a_function_without_yield_that_refuses(app, sse, trace):
    handlers(app, trace)

    def endpoint(kind):
        def refuse():
            error = ERRORS[kind]()
            raise error

        return refuse

    paths = {"/": "an HTTPException", "/custom": "an exception with a handler"}
    for path, kind in {**paths, "/plain": "a plain exception"}.items():
        app.get(path, response_class=sse.EventSourceResponse)(endpoint(kind))


@row(get(status=418), get("/plain", status=500), differs=(NO_YIELD,), untidy=True)
def an_async_function_without_yield_that_refuses(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def refuse():
        raise HTTPException(418)

    @app.get("/plain", response_class=sse.EventSourceResponse)
    async def fail():
        raise ValueError("plain")


@row(
    get(delivers=b"data: 1\n\ndata: 2\n\n"),
    get("/text", status=500),
    differs=(NO_YIELD,),
    untidy=True,
)
def an_async_function_without_yield(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def give():
        return [1, 2]

    @app.get("/text", response_class=sse.EventSourceResponse)
    async def text():
        return "text"


@row(get(delivers=b"data: 1\n\n"), get("/text", status=500), differs=(NO_YIELD,), untidy=True)
def a_function_without_yield_that_returns_what_fastapi_does_not_stream(app, sse, trace):
    app.get("/", response_class=sse.EventSourceResponse)(returned_numbers)
    app.get("/text", response_class=sse.EventSourceResponse)(lambda: "text")


@row(get(), differs=(THREAD,))
def the_thread_of_a_function_without_yield(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    def give():
        main = threading.current_thread() is threading.main_thread()
        trace("on the loop" if main else "in a worker")
        return [1]


@row(
    get(status=201, delivers=b"data: 1\n\n"),
    get("/sync", status=202, delivers=b"data: 1\n\n"),
    differs=(RETURNED,),
    untidy=True,
)
def a_route_that_returns_the_response(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def give():
        return sse.EventSourceResponse(frames(), status_code=201)

    @app.get("/sync", response_class=sse.EventSourceResponse)
    def sync_give():
        return sse.EventSourceResponse(frames(), status_code=202)


async def frames():
    yield "data: 1\n\n"


@row(get(), get("/annotated"), differs=(HEADERS,))
def a_returned_response_without_response_class(app, sse, trace):
    @app.get("/")
    async def give():
        return sse.EventSourceResponse(frames(), headers={"x-own": "1"})

    @app.get("/annotated")
    def annotated() -> Response:
        return sse.EventSourceResponse(frames())


@row(get(delivers=b"data: 1\n\n"), get("/sync", empty=True), differs=(CHECKED,))
def an_event_changed_after_construction(app, sse, trace):
    def event():
        event = sse.ServerSentEvent(data=1)
        event.event = "a\ndata: forged"
        return event

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint():
        yield 1
        yield event()

    @app.get("/sync", response_class=sse.EventSourceResponse)
    def sync_endpoint():
        yield event()


@row(get(), differs=(GROUP,))
def a_background_task_that_fails(app, sse, trace):
    def fail():
        trace("task")
        raise ValueError("in the background")

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(tasks: BackgroundTasks):
        tasks.add_task(fail)
        tasks.add_task(trace, "never runs")
        yield 1


@row(get(), get("/sync"))
def what_an_endpoint_logs(app, sse, trace):
    log = logging.getLogger("application")

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint():
        log.info("streams")
        yield 1
        try:
            raise ValueError("caught")
        except ValueError:
            log.exception("goes on")
        yield 2

    @app.get("/sync", response_class=sse.EventSourceResponse)
    def sync_endpoint():
        log.warning("streams in %s", "a thread")
        yield 1


@row(get(status=409), get("/x/", status=422))
def a_handler_of_validation_errors(app, sse, trace):
    @app.exception_handler(RequestValidationError)
    async def handle(request, error):
        trace(error.errors()[0]["loc"])
        return JSONResponse({"handled": True}, 409)

    @app.get("/", response_class=sse.EventSourceResponse)
    async def endpoint(q: int):
        yield q

    sub = FastAPI()

    @sub.get("/", response_class=sse.EventSourceResponse)
    async def sub_endpoint(q: int):
        yield q

    app.mount("/x", sub)


@row(get(status=503), get("/custom", status=503))
def handlers_of_status_codes_and_of_exceptions(app, sse, trace):
    @app.exception_handler(404)
    @app.exception_handler(CustomError)
    async def handle(request, error):
        return JSONResponse({"error": str(error)}, 503)

    def refuse(request: Request):
        raise CustomError("custom") if "custom" in request.url.path else HTTPException(404)

    options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(refuse)]}
    app.get("/", **options)(numbers)
    app.get("/custom", **options)(numbers)
