"""What goes wrong, of every kind, at each position of a stream's life."""

import asyncio
from collections.abc import AsyncIterable, Iterable
from typing import Any

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, model_serializer

from route_table.dependencies import resource
from route_table.differences import (
    CANCELLED,
    CLOSED,
    EXITED,
    GROUP,
    LOST,
    STARTED,
)
from route_table.table import add, get


class CustomError(Exception):
    """Has a handler."""


class Fatal(BaseException):
    """No `Exception`."""


ERRORS = {
    "a plain exception": lambda: ValueError("plain"),
    "an exception with a handler": lambda: CustomError("custom"),
    "an HTTPException": lambda: HTTPException(418, "tea", {"x-why": "pot"}),
    "a RequestValidationError": lambda: RequestValidationError([{"loc": ("q",), "msg": "no"}]),
    "a ResponseValidationError": lambda: ResponseValidationError([{"loc": ("r",), "msg": "no"}]),
    "an ExceptionGroup": lambda: ExceptionGroup("two", [ValueError("a"), TypeError("b")]),
    "a BaseExceptionGroup": lambda: BaseExceptionGroup("one", [Fatal("in a group")]),
    "a BaseException": lambda: Fatal("fatal"),
    "an OSError": lambda: ConnectionResetError("of the generator's own"),
    "a TimeoutError": lambda: TimeoutError("of the generator's own"),
    "StopIteration": lambda: StopIteration("stop"),
    "StopAsyncIteration": lambda: StopAsyncIteration("stop"),
    "GeneratorExit": lambda: GeneratorExit("exit"),
    "CancelledError": lambda: asyncio.CancelledError("by itself"),
}


class Number(BaseModel):
    number: int


class Failing(BaseModel):
    """An item that fails when it is written."""

    number: int

    @model_serializer
    def fail(self) -> Any:
        error = failures[self.number]()
        raise error


failures = list(ERRORS.values())


def handlers(app, trace):
    """Register one for a class of the user."""

    @app.exception_handler(CustomError)
    async def handle(request, error):
        trace(f"handler: {error}")
        return JSONResponse({"handled": str(error)}, 409)


def before_the_first_event(error):
    raise error()
    yield


def after_two_events(error):
    yield 1
    yield 2
    raise error()


def in_finally(error):
    try:
        yield 1
    finally:
        raise error()


def while_an_item_is_written(error):
    yield 1
    yield Failing(number=failures.index(error))
    yield 3


def failing(app, sse, trace, body, error, sync, declared=None, path="/"):  # noqa: PLR0917  # cases
    """Declare a stream that fails, in the middle of everything that has a life."""
    handlers(app, trace)

    def life(tasks: BackgroundTasks, given=Depends(resource(trace, "resource"))):  # noqa: B008
        tasks.add_task(trace, "background task")
        trace("starts")
        try:
            yield from body(error)
        finally:
            trace("finally")

    async def async_life(tasks: BackgroundTasks, given=Depends(resource(trace, "resource"))):  # noqa: B008
        tasks.add_task(trace, "background task")
        trace("starts")
        try:
            for item in body(error):
                yield item
        finally:
            trace("finally")

    if declared is not None:
        life.__annotations__["return"] = Iterable[declared]
        async_life.__annotations__["return"] = AsyncIterable[declared]
    app.get(path, response_class=sse.EventSourceResponse)(life if sync else async_life)


DELIVERED = {
    before_the_first_event: b"",
    after_two_events: b"data: 1\n\ndata: 2\n\n",
    in_finally: b"data: 1\n\n",
    while_an_item_is_written: b"data: 1\n\n",
}
HANDLED = {"an exception with a handler", "an HTTPException", "a RequestValidationError"}


def differences(kind, position, *, sync):
    """Name README's rows that such a failure is about."""
    if position is while_an_item_is_written:
        # The error is Pydantic's then, whatever its cause.
        return (LOST, GROUP, CLOSED)
    if kind == "CancelledError":
        return (CANCELLED,)
    if kind == "GeneratorExit" and sync:
        return (EXITED,)
    lost = () if position is before_the_first_event and not sync else (LOST,)
    return (*lost, GROUP, *((STARTED,) if kind in HANDLED else ()))


for kind, error in ERRORS.items():
    for position, delivered in DELIVERED.items():
        for sync in (False, True):

            def declare(app, sse, trace, case=(position, error, sync)):
                failing(app, sse, trace, *case)

            place = position.__name__.replace("_", " ")
            add(
                f"{kind} {place}, {'sync' if sync else 'async'}",
                declare,
                get(empty=True, delivers=delivered),
                differs=differences(kind, position, sync=sync),
                untidy=kind == "GeneratorExit",
            )


WRONG = {
    "an item of another type": "text",
    "an item with a wrong field": {"number": "x"},
    "an item without a field": {},
    "an item that is None": None,
}
for kind, wrong in WRONG.items():
    for target, is_sync in {"/sub/": False, "/own/5": True}.items():

        def declare(app, sse, trace, case=(wrong, is_sync)):
            def body(error):
                yield {"number": 1}
                yield wrong

            wrong, is_sync = case
            sub = FastAPI()
            failing(sub, sse, trace, body, None, is_sync, Number)
            failing(app, sse, trace, body, None, is_sync, Number, path="/own/{key}")
            app.mount("/sub", sub)

        request = get(target, delivers=b'data: {"number":1}\n\n')
        name = f"{kind}, {'sync' if is_sync else 'async'}"
        add(name, declare, request, differs=(LOST, GROUP, CLOSED))


STATUS = {
    "an exception with a handler": 409,
    "an HTTPException": 418,
    "a RequestValidationError": 422,
}
for kind, error in ERRORS.items():
    if kind in {"GeneratorExit", "CancelledError", "StopIteration", "StopAsyncIteration"}:
        continue  # of a dependency: its own frameworks' affair
    for sync in (False, True):

        def before(app, sse, trace, error=error, sync=sync):
            handlers(app, trace)

            async def dependency(outer=Depends(resource(trace, "outer"))):  # noqa: B008
                raise error()
                yield

            def sync_dependency(outer=Depends(resource(trace, "outer"))):  # noqa: B008
                raise error()

            options = {"dependencies": [Depends(sync_dependency if sync else dependency)]}
            app.get("/", response_class=sse.EventSourceResponse, **options)(numbers)

        def on_exit(app, sse, trace, error=error, sync=sync):
            handlers(app, trace)

            async def dependency(outer=Depends(resource(trace, "outer"))):  # noqa: B008
                yield
                trace("fails")
                raise error()

            def sync_dependency(outer=Depends(resource(trace, "outer"))):  # noqa: B008
                yield
                trace("fails")
                raise error()

            options = {"dependencies": [Depends(sync_dependency if sync else dependency)]}
            app.get("/", response_class=sse.EventSourceResponse, **options)(numbers)

        words = f"of {'a sync' if sync else 'an async'} dependency"
        fatal = "BaseException" in kind
        status = None if fatal else STATUS.get(kind, 500)
        not_by = ("client",) if fatal else ()  # it ends the client's loop
        add(f"{kind} {words}, before", before, get(status=status, empty=True), not_by=not_by)
        add(f"{kind} {words}, on its exit", on_exit, get(), not_by=not_by)


async def numbers():
    yield 1


def returned_numbers():
    return numbers()
