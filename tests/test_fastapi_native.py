"""The native event on FastAPI's routes: declared, documented and streamed like FastAPI's own."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
)
from types import SimpleNamespace

import fastapi.routing
import fastapi.sse
import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import BaseModel

import eventwire
import eventwire.fastapi
import twins
from test_fastapi_import import AWAITING, run

HOOKED = SimpleNamespace(
    EventSourceResponse=eventwire.fastapi.EventSourceResponse,
    ServerSentEvent=eventwire.ServerSentEvent,
)
UNHOOKED = SimpleNamespace(
    EventSourceResponse=fastapi.sse.EventSourceResponse,
    ServerSentEvent=eventwire.ServerSentEvent,
)
OURS_UNHOOKED = SimpleNamespace(
    EventSourceResponse=fastapi.sse.EventSourceResponse,
    ServerSentEvent=eventwire.fastapi.ServerSentEvent,
)
MODULES = {
    "hooked": HOOKED,
    "fastapi's response": UNHOOKED,
    "our model, fastapi's response": OURS_UNHOOKED,
}
sides = pytest.mark.parametrize("sse", MODULES.values(), ids=MODULES)


class Item(BaseModel):
    """A payload."""

    name: str = "pen"


EVENTS = [
    {"data": Item(), "event": "model"},
    {"data": {"a": [1, 2.5, None, "ü"]}, "id": "1"},
    {"data": "text", "retry": 5, "comment": "two\nlines"},
    {"raw_data": "a\r\nb", "event": "raw", "id": ""},
    {"comment": "only"},
    {},
]


def outcome(declare, sse):
    """Return what a route answers, and what the application says about itself."""
    app = twins.build(declare, sse)
    reply = TestClient(app).get("/")
    return reply.status_code, dict(reply.headers), reply.content, app.openapi()


def check(declare, sse):
    """Check that the answer and the document are those of FastAPI's own classes; return both."""
    ours, theirs = outcome(declare, sse), outcome(declare, fastapi.sse)
    assert ours == theirs
    _, _, body, document = ours
    return body, document["paths"]["/"]["get"]["responses"]["200"]["content"]


@sides
@pytest.mark.parametrize("kind", [AsyncIterable, AsyncIterator, AsyncGenerator])
def test_async_generators_of_native_events(sse, kind):
    """Written as FastAPI writes its own events; documented without a schema of their data."""

    def routes(app, sse):
        event = sse.ServerSentEvent
        annotation = kind[event, None] if kind is AsyncGenerator else kind[event]

        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> annotation:
            for fields in EVENTS:
                yield event(**fields)

    body, content = check(routes, sse)
    assert body.startswith(b'event: model\ndata: {"name":"pen"}\n\n')
    assert "contentSchema" not in str(content)


@sides
@pytest.mark.parametrize("kind", [Iterable, Iterator, Generator])
def test_sync_generators_of_native_events(sse, kind):
    """The same in worker threads."""

    def routes(app, sse):
        event = sse.ServerSentEvent
        annotation = kind[event, None, None] if kind is Generator else kind[event]

        @app.get("/", response_class=sse.EventSourceResponse)
        def stream() -> annotation:
            for fields in EVENTS:
                yield event(**fields)

    body, content = check(routes, sse)
    assert body.startswith(b'event: model\ndata: {"name":"pen"}\n\n')
    assert "contentSchema" not in str(content)


@sides
def test_native_events_in_other_streams(sse):
    """Between typed items they are not validated; without any annotation they are events, too."""

    def typed(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[Item]:
            yield {"name": "x"}
            yield sse.ServerSentEvent(data={"no": "Item"}, event="other")

    def untyped(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream():
            yield {"name": "x"}
            yield sse.ServerSentEvent(data=Item(), event="other")

    def either(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[Item | sse.ServerSentEvent]:
            yield Item()
            yield sse.ServerSentEvent(data=Item(), event="other")

    for declare in (typed, untyped, either):
        body, _ = check(declare, sse)
        assert b"\n\nevent: other\n" in body


@sides
def test_native_events_on_routers_and_other_methods(sse):
    """Included routers, default response classes, POST."""

    def routes(app, sse):
        router = APIRouter(default_response_class=sse.EventSourceResponse)

        @router.get("/")
        @router.post("/")
        async def stream() -> AsyncIterable[sse.ServerSentEvent]:
            yield sse.ServerSentEvent(data=1)

        app.include_router(router)

    check(routes, sse)


def test_fastapis_events_are_still_events():
    """On FastAPI's own path both classes are told from items, and nothing else is."""
    known = fastapi.routing.ServerSentEvent
    assert isinstance(fastapi.sse.ServerSentEvent(), known)
    assert isinstance(eventwire.ServerSentEvent(), known)
    assert issubclass(eventwire.fastapi.ServerSentEvent, known)
    assert not isinstance(Item(), known)
    assert not issubclass(eventwire.Encoder, known)
    assert fastapi.sse.ServerSentEvent is not known


STREAM = """
import sys, warnings
warnings.simplefilter("ignore")
from collections.abc import AsyncIterable
{imports}
from fastapi import FastAPI
from fastapi.testclient import TestClient

def outcome(response, event):
    app = FastAPI()
    @app.get("/", response_class=response)
    async def stream() -> AsyncIterable[event]:
        yield event(data={{"a": 1}}, event="e", id="1")
    return TestClient(app).get("/").content, app.openapi()

body, document = outcome(EventSourceResponse, ServerSentEvent)
import fastapi.sse
expected = outcome(fastapi.sse.EventSourceResponse, fastapi.sse.ServerSentEvent)
assert body == expected[0] == b'event: e\\ndata: {{"a": 1}}\\nid: 1\\n\\n', body
"""


def test_native_events_where_the_hook_does_not_fit():
    """After a failed self-check they are streamed and documented on FastAPI's own path."""
    imports = f"""
import asyncio, fastapi.routing
original = fastapi.routing.get_request_handler
{AWAITING}
fastapi.routing.get_request_handler = foreign
from eventwire import ServerSentEvent
from eventwire.fastapi import EventSourceResponse
assert fastapi.routing.get_request_handler is foreign
"""
    run(STREAM.format(imports=imports) + "assert document == expected[1], document\n")


def test_native_events_without_eventwire_fastapi():
    """With FastAPI's own response class they are recognised at the declaration, in any order."""
    for imports in (
        "from eventwire import ServerSentEvent\nfrom fastapi.sse import EventSourceResponse",
        "from fastapi.sse import EventSourceResponse\nfrom eventwire import ServerSentEvent",
    ):
        run(STREAM.format(imports=imports) + "assert 'eventwire.fastapi' not in sys.modules\n")
