"""`install` and `EventSourceRoute`: our response for routes that name FastAPI's class."""

import contextlib
import functools
import threading
import warnings
from collections.abc import AsyncIterable, Iterable

import fastapi.routing
import fastapi.sse
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel

import eventwire.fastapi
import twins
from eventwire import _fastapi_hook, _fastapi_route
from eventwire.fastapi import EventSourceRoute, FastAPIHookWarning, install, uninstall
from test_fastapi_import import awaiting, raising

CLASSES = [fastapi.sse.EventSourceResponse, eventwire.fastapi.EventSourceResponse]
BODY = b"data: 1\n\ndata: 2\n\n"


@pytest.fixture(scope="module", params=twins.COMBINATIONS)
def side(request):
    """A real server, and routes that name FastAPI's module."""
    with twins.served(request.param) as pair:
        yield pair.theirs


@pytest.fixture
def made(monkeypatch):
    """The responses of ours that answer during the test; those of the self-check do not."""
    made = []

    class Recorded(_fastapi_hook.RouteResponse):
        async def __call__(self, *args):
            made.append(self)
            await super().__call__(*args)

    monkeypatch.setattr(_fastapi_hook, "RouteResponse", Recorded)
    return made


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    """Leave FastAPI, and what is remembered of it, as it was."""
    monkeypatch.setattr(fastapi.routing, "get_request_handler", fastapi.routing.get_request_handler)
    yield
    uninstall()
    _fastapi_route._problem.cache_clear()
    _fastapi_route._warn_once.cache_clear()


@contextlib.contextmanager
def installed():
    install()
    try:
        yield
    finally:
        uninstall()


async def numbers() -> AsyncIterable[int]:
    yield 1
    yield 2


def app_with(*, response_class=fastapi.sse.EventSourceResponse, **router):
    router = APIRouter(**router)
    router.get("/", response_class=response_class)(numbers)
    app = FastAPI()
    app.include_router(router, prefix="/in")
    return app


def body(app):
    return TestClient(app).get("/in/").content


class Item(BaseModel):
    name: str
    maybe: int | None = None


def untyped(app, sse, **router):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def stream():
        yield {"a": 1.0, "b": "ü"}
        yield sse.ServerSentEvent(data={"x": [1]}, event="e", id="1", retry=5, comment="c")
        yield sse.ServerSentEvent(raw_data="raw\r\nlines")


def typed(app, sse, **router):
    @app.post("/", response_class=sse.EventSourceResponse, response_model_exclude_none=True)
    def stream() -> Iterable[Item]:
        yield Item(name="a")
        yield {"name": "b", "maybe": 1}


def on_a_router(app, sse, **router):
    router = APIRouter(default_response_class=sse.EventSourceResponse, **router)
    inner = APIRouter(**router_class(router))
    inner.get("/", status_code=202)(numbers)
    router.include_router(inner)
    app.include_router(router)


def router_class(router):
    return {"route_class": router.route_class}


def json(app, sse, **router):
    app.get("/")(lambda: {"a": 1})


ROUTES = [(untyped, "GET", 1), (typed, "POST", 1), (on_a_router, "GET", 1), (json, "GET", 0)]
routes = pytest.mark.parametrize(
    ("declare", "method", "count"), ROUTES, ids=[declare.__name__ for declare, *_ in ROUTES]
)


@pytest.mark.newest
@routes
def test_installed_the_routes_of_fastapi_sse_answer_the_same_by_our_response(
    side, made, declare, method, count
):
    """Status, headers, body and document; every route but one of events stays FastAPI's."""
    theirs = side.ask(declare, method=method)
    document = side.app.openapi()
    assert made == []
    with installed():
        ours = side.ask(declare, method=method)
    assert ours.comparable == theirs.comparable
    assert ours.whole
    assert side.app.openapi() == document
    assert len(made) == count


@pytest.mark.newest
@routes
def test_a_router_of_ours_answers_the_same_by_our_response(side, made, declare, method, count):
    """With nothing installed, and FastAPI's class in the route."""

    def on_our_route(app, sse):
        app.router.route_class = EventSourceRoute
        declare(app, sse, route_class=EventSourceRoute)

    theirs = side.ask(declare, method=method)
    document = side.app.openapi()
    ours = side.ask(on_our_route, method=method)
    assert ours.comparable == theirs.comparable
    assert side.app.openapi() == document
    assert len(made) == count


@pytest.mark.parametrize("response_class", CLASSES, ids=["fastapi's", "ours"])
def test_a_router_of_ours_takes_both_response_classes(made, response_class):
    """The route makes one response, not one per way to us."""
    assert body(app_with(response_class=response_class, route_class=EventSourceRoute)) == BODY
    assert len(made) == 1


def test_a_router_without_our_route_class_stays_fastapis(made):
    """The global is as it was, before, between and after."""
    before = fastapi.routing.get_request_handler
    ours = app_with(route_class=EventSourceRoute)
    assert body(app_with()) == BODY
    assert made == []
    assert body(ours) == BODY
    assert body(app_with()) == BODY
    assert len(made) == 1
    assert fastapi.routing.get_request_handler is before


def test_a_route_class_may_derive_from_ours(made):
    """What it does around the handler is done."""

    class Changing(EventSourceRoute):
        def get_route_handler(self):
            handler = super().get_route_handler()

            async def changing(request):
                response = await handler(request)
                response.status_code = 203
                return response

            return changing

    reply = TestClient(app_with(route_class=Changing)).get("/in/")
    assert (reply.status_code, reply.content, len(made)) == (203, BODY, 1)


def test_a_route_class_between_ours_and_fastapis_is_called(made):
    """`super()` reaches it, and its handler is made with our factory."""
    called = []

    class Other(APIRoute):
        def get_route_handler(self):
            called.append(self.path)
            return super().get_route_handler()

    class Both(EventSourceRoute, Other):
        pass

    assert body(app_with(route_class=Both)) == BODY
    assert called
    assert len(made) == 1


def test_options_of_our_class_count_on_our_route(made):
    """A subclass sets them, as with the hook."""

    class Separate(eventwire.fastapi.EventSourceResponse):
        coalesce = False

    assert body(app_with(response_class=Separate, route_class=EventSourceRoute)) == BODY
    assert made[0].coalesce is False


def test_installing_twice_is_installing_once_and_is_undone_once():
    """The very function that was there comes back."""
    before = fastapi.routing.get_request_handler
    install()
    during = fastapi.routing.get_request_handler
    install()
    assert before is not during is fastapi.routing.get_request_handler
    uninstall()
    assert fastapi.routing.get_request_handler is before
    uninstall()
    assert fastapi.routing.get_request_handler is before


def test_routes_declared_before_or_after_stay_fastapis(made):
    """`install` acts from its call on, `uninstall` ends that; what was made in between stays."""

    def declare():
        app = FastAPI()
        app.get("/in/", response_class=fastapi.sse.EventSourceResponse)(numbers)
        return app

    early = declare()
    with installed():
        between = declare()
        assert body(early) == BODY
        assert made == []
    assert body(declare()) == BODY
    assert made == []
    assert body(between) == BODY
    assert len(made) == 1


def test_uninstalling_below_a_tool_that_came_later_leaves_the_tool(made):
    """The tool goes on; our part of the chain only passes on."""
    install()
    ours, calls = fastapi.routing.get_request_handler, []

    @functools.wraps(ours)
    def tool(*args, **kwargs):
        calls.append(1)
        return ours(*args, **kwargs)

    fastapi.routing.get_request_handler = tool
    assert body(app_with()) == BODY
    assert len(made) == 1
    uninstall()
    assert fastapi.routing.get_request_handler is tool
    calls.clear()
    assert body(app_with()) == BODY
    assert (bool(calls), len(made)) == (True, 1)
    install()
    assert body(app_with()) == BODY
    assert len(made) == 2


@pytest.mark.parametrize("foreign", [raising, awaiting])
def test_installing_on_a_fastapi_that_does_not_fit_warns_and_changes_nothing(foreign):
    """The global stays as it is, and the warning points at the caller."""
    fastapi.routing.get_request_handler = foreign
    with pytest.warns(FastAPIHookWarning) as caught:
        install()
    assert fastapi.routing.get_request_handler is foreign
    assert [warning.filename for warning in caught] == [__file__]


def test_our_route_looks_below_a_tool_that_lets_nothing_through(made):
    """FastAPI's own function, which the tool says it wraps, fits: no warning."""
    fitting = fastapi.routing.get_request_handler
    fastapi.routing.get_request_handler = functools.wraps(fitting)(awaiting)
    try:
        assert body(app_with(route_class=EventSourceRoute)) == BODY
    finally:
        del awaiting.__wrapped__
    assert len(made) == 1


def test_our_route_warns_once_where_nothing_fits_and_streams_on_fastapis_path(made):
    """As many routes as there are: one warning, and FastAPI's answer."""
    fastapi.routing.get_request_handler = awaiting
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FastAPIHookWarning)
        apps = [app_with(route_class=EventSourceRoute) for _ in range(2)]
        assert [body(app) for app in apps] == [BODY, BODY]
    assert [w.category for w in caught if w.category is not DeprecationWarning] == [
        FastAPIHookWarning
    ]
    assert made == []


def test_other_threads_are_not_affected_while_a_route_of_ours_is_made():
    """The factory stands in for the thread that makes the route."""
    replacement = _fastapi_route._Replacement(
        lambda: "fastapi's", lambda: "ours", threading.get_ident()
    )
    seen = []
    thread = threading.Thread(target=lambda: seen.append(replacement()))
    thread.start()
    thread.join()
    assert (replacement(), seen) == ("ours", ["fastapi's"])
    replacement.take_out()
    assert replacement() == "fastapi's"
