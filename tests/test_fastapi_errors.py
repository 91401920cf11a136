"""Streams that fail. FastAPI loses the last events and wraps the error; we deliver and do not.

These are deliberate differences: the bodies are not compared, the errors themselves are.
"""

import logging
from collections.abc import AsyncIterable, Iterable
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.exceptions import ResponseValidationError
from pydantic import BaseModel, model_serializer
from pydantic_core import PydanticSerializationError

import twins

TWO_GOOD = b'data: {"name":"one"}\n\ndata: {"name":"two"}\n\n'
CONTEXT = ("endpoint_function", "endpoint_file", "endpoint_line", "endpoint_path")


@pytest.fixture(scope="module", params=twins.COMBINATIONS)
def pair(request):
    with twins.served(request.param) as pair:
        yield pair


class Item(BaseModel):
    name: str


class Unwritable(BaseModel):
    @model_serializer
    def _fail(self) -> Any:
        raise KeyError("in the serializer")


class CustomError(Exception):
    """Of the user."""


def two_then(app, sse, last, *, sync=False, annotation=Item, **options):
    """Declare a stream of two good items and of what `last` gives or raises."""

    def stream() -> Iterable[annotation]:
        yield Item(name="one")
        yield {"name": "two"}
        yield last()

    async def async_stream() -> AsyncIterable[annotation]:
        for item in stream():
            yield item

    declare = app.get("/{key}", response_class=sse.EventSourceResponse, **options)
    declare(stream if sync else async_stream)


def compare(pair, routes, target="/1"):
    """Check that ours delivers two events and fails with FastAPI's error, bare; return it."""
    _, theirs = pair.theirs.failure(routes, target)
    reply, ours = pair.ours.failure(routes, target)
    assert isinstance(theirs, BaseExceptionGroup)
    assert (reply.status, reply.body, reply.whole) == (200, TWO_GOOD, False)
    theirs = twins.leaf(theirs)
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)
    return ours, theirs


kinds = pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
WRONG = {
    "type": lambda: {"name": 1},
    "missing": dict,
    "other": lambda: "text",
    "none": lambda: None,
    "event-like": lambda: {"data": 1, "event": "e"},
}


@pytest.mark.newest
@kinds
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_item_is_a_bare_validation_error_after_the_good_ones(pair, sync, wrong):
    """Both good items are delivered, the body is cut, the error names item and endpoint."""

    def routes(app, sse):
        two_then(app, sse, wrong, sync=sync)

    ours, theirs = compare(pair, routes)
    assert type(ours) is ResponseValidationError
    assert ours.errors() == theirs.errors()
    assert ours.errors()[0]["loc"][0] == "response"
    assert ours.body == theirs.body == wrong()
    for name in CONTEXT:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.endpoint_path == "GET /{key}"
    assert ours.endpoint_function == ("stream" if sync else "async_stream")
    assert ours.endpoint_file == __file__


@pytest.mark.newest
@pytest.mark.parametrize("where", ["router", "mount"])
def test_the_error_names_the_path_below_prefixes_and_mounts(pair, where):
    """Prefixes of routers and of mounted applications are part of the endpoint's path."""

    def routes(app, sse):
        sub = FastAPI()
        two_then(sub, sse, WRONG["type"])
        if where == "mount":
            app.mount("/mounted", sub)
        else:
            app.include_router(sub.router, prefix="/prefix")

    target = "/mounted/1" if where == "mount" else "/prefix/1"
    ours, theirs = compare(pair, routes, target)
    assert ours.endpoint_path == theirs.endpoint_path
    assert ours.endpoint_path == f"GET {target[:-1]}{{key}}"


@pytest.mark.newest
@kinds
def test_an_exception_of_the_generator_is_bare(pair, sync):
    """The very object that was raised reaches the server, with the generator in its traceback."""
    raised = []

    def fail():
        raised.append(CustomError("mine"))
        raise raised[-1]

    def routes(app, sse):
        two_then(app, sse, fail, sync=sync)

    ours, _ = compare(pair, routes)
    assert ours is raised[-1]
    names, traceback = [], ours.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[-2:] == ["stream", "fail"]


@kinds
@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, GeneratorExit])
def test_no_exception_of_the_generator_passes_for_its_end(pair, sync, error):
    """Not even those that have to do with ends: the body is cut and an error is reported."""

    def fail():
        raise error("not the end")

    def routes(app, sse):
        two_then(app, sse, fail, sync=sync)

    reply = pair.ours.ask(routes, "/1")
    assert (reply.body, reply.whole) == (TWO_GOOD, False)
    assert len(pair.ours.errors) == 1


@pytest.mark.newest
@kinds
@pytest.mark.parametrize(
    "item",
    [object(), {(1, 2): 1}, Unwritable(), "\ud800", {"a": {1: object()}}],
    ids=["object", "tuple-key", "serializer", "surrogate", "nested"],
)
@pytest.mark.parametrize("annotation", [None, Any], ids=["untyped", "typed"])
def test_an_item_that_cannot_be_written_is_a_bare_error(pair, sync, item, annotation):
    """The error is FastAPI's, whichever way it writes such an item; if it can, so can we."""

    def routes(app, sse):
        def stream():
            yield item
            yield item

        async def async_stream():
            yield item
            yield item

        if annotation is not None:
            stream.__annotations__["return"] = Iterable[annotation]
            async_stream.__annotations__["return"] = AsyncIterable[annotation]
        app.get("/", response_class=sse.EventSourceResponse)(stream if sync else async_stream)

    theirs_reply = pair.theirs.ask(routes)
    ours_reply = pair.ours.ask(routes)
    if not pair.theirs.errors:
        assert ours_reply.comparable == theirs_reply.comparable
        assert pair.ours.errors == []
        return
    ((theirs,), (ours,)) = pair.theirs.errors, pair.ours.errors
    theirs = twins.leaf(theirs)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))
    assert (ours_reply.status, ours_reply.body, ours_reply.whole) == (200, b"", False)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"event": "a\n\ndata: forged"}, ValueError),
        ({"id": "a\0"}, ValueError),
        ({"retry": "5\n"}, TypeError),
        ({"data": Unwritable()}, PydanticSerializationError),
        ({"raw_data": "\ud800"}, UnicodeEncodeError),
    ],
    ids=str,
)
def test_an_illegal_event_is_refused_after_the_good_ones(pair, fields, error):
    """Nothing of its frame is sent; FastAPI would write the forged fields."""

    def routes(app, sse):
        two_then(app, sse, lambda: sse.ServerSentEvent.model_construct(comment="c", **fields))

    reply, ours = pair.ours.failure(routes, "/1")
    assert (reply.body, reply.whole) == (TWO_GOOD, False)
    assert type(ours) is error


@kinds
def test_an_http_exception_after_the_start_is_starlettes_runtime_error(pair, sync):
    """The answer has started: the exception becomes what it becomes in every Starlette stream."""

    def fail():
        raise HTTPException(418, "too late")

    def routes(app, sse):
        two_then(app, sse, fail, sync=sync)

    reply, ours = pair.ours.failure(routes, "/1")
    assert (reply.status, reply.body, reply.whole) == (200, TWO_GOOD, False)
    assert type(ours) is RuntimeError
    assert str(ours) == "Caught handled exception, but response already started."
    assert type(ours.__cause__) is HTTPException


def test_an_http_exception_of_a_dependency_is_a_real_answer(pair):
    """Before the start everything is as ever."""

    def fail():
        raise HTTPException(418, "in time", {"x-why": "tea"})

    def routes(app, sse):
        two_then(app, sse, dict, dependencies=[Depends(fail)])

    pair.same(routes, "/1", status=418)


def test_an_exception_handler_of_the_user_sees_the_bare_exception(pair):
    """A registered handler's exception is found, as in any Starlette stream."""
    seen = []

    def fail():
        raise CustomError("mine")

    def routes(app, sse):
        @app.exception_handler(Exception)
        async def handler(request, error):
            seen.append(error)

        two_then(app, sse, fail)

    _, ours = pair.ours.failure(routes, "/1")
    assert [type(error) for error in seen] == [CustomError]
    assert seen == [ours]


def test_a_dependency_sees_the_bare_exception_on_its_exit(pair):
    """`except` around the `yield` of a dependency gets the exception of the generator."""
    seen = []

    async def dependency():
        try:
            yield
        except CustomError as error:
            seen.append(error)
            raise

    def fail():
        raise CustomError("mine")

    def routes(app, sse):
        two_then(app, sse, fail, dependencies=[Depends(dependency)])

    _, ours = pair.ours.failure(routes, "/1")
    assert seen == [ours]


def test_background_tasks_do_not_run_after_an_error(pair):
    """As with every response whose stream fails."""
    seen = []

    def routes(app, sse):
        from fastapi import BackgroundTasks  # noqa: PLC0415

        async def add(tasks: BackgroundTasks):
            tasks.add_task(seen.append, sse.__name__)

        two_then(app, sse, lambda: 1 / 0, dependencies=[Depends(add)])

    pair.ours.failure(routes, "/1")
    assert seen == []


def test_the_server_logs_the_bare_exception_once(pair, caplog):
    """One record of uvicorn, with the exception as it is; its own about the cut body may follow."""

    def routes(app, sse):
        two_then(app, sse, WRONG["type"])

    with caplog.at_level(logging.DEBUG):
        pair.ours.failure(routes, "/1")
    logged = [r.exc_info[1] for r in caplog.records if r.exc_info and r.levelno >= logging.ERROR]
    assert [type(error) for error in logged] == [ResponseValidationError]
    assert not [r for r in caplog.records if r.name.startswith("asyncio") and r.levelno > 20]


@pytest.mark.parametrize("kind", [list, tuple, iter, dict.fromkeys, lambda x: (i for i in x)])
def test_async_def_without_yield_streams_what_it_returns(pair, kind):
    """FastAPI raises a TypeError after status 200 there; any iterable is streamed by us."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def give():
            return kind([1, 2])

    reply = pair.ours.ask(routes)
    assert (reply.body, reply.whole) == (b"data: 1\n\ndata: 2\n\n", True)
    assert pair.ours.errors == []


@pytest.mark.parametrize("returned", [None, 5, "text", b"bytes", object()], ids=type)
def test_async_def_that_returns_no_iterable_is_a_500(pair, returned):
    """The mistake shows before the answer starts, in a TypeError that says what to give."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def give():
            return returned

    reply, ours = pair.ours.failure(routes)
    assert (reply.status, reply.body) == (500, b"Internal Server Error")
    assert type(ours) is TypeError
    assert "content must be an async or sync iterable" in str(ours)


@pytest.mark.parametrize("returned", ["text", b"bytes"], ids=type)
def test_a_plain_function_that_returns_a_text_is_refused_before_the_start(pair, returned):
    """FastAPI streams its characters; nobody means that, so it is a TypeError that says so."""

    def routes(app, sse):
        app.get("/", response_class=sse.EventSourceResponse)(lambda: returned)

    reply = pair.ours.ask(routes, "/")
    assert reply.status == 500
    (error,) = pair.ours.errors
    assert "content must be an async or sync iterable" in str(error)
