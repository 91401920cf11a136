"""A template's events on FastAPI's routes, hooked or not, and in Starlette's responses."""

import asyncio
from collections.abc import AsyncIterable, Iterable

import fastapi.routing
import fastapi.sse
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from pydantic_core import PydanticSerializationError
from starlette.applications import Starlette
from starlette.routing import Route

import eventwire.fastapi
import twins
from asgi import Wire, start
from eventwire import EventSourceResponse, EventTemplate, ServerSentEvent, Slot, TemplatedEvent
from test_fastapi_import import run


class Item(BaseModel):
    name: str = Field(default="pen", serialization_alias="called")


MODEL = EventTemplate(data=Item(), event=Slot("event"), slots={"name": "name"})
DICT = EventTemplate(data={"a": [Slot("a"), 1.5]}, id=Slot("id"), retry=5, comment="c\nd")
RAW = EventTemplate(raw_data=("a\r", Slot("x")), event="raw")
EVENTS = [
    (MODEL(name="né", event="e"), {"data": Item(name="né"), "event": "e"}),
    (MODEL(name="", event=None), {"data": Item(name="")}),
    (
        DICT(a=Item(name="x"), id="7"),
        {"data": {"a": [Item(name="x"), 1.5]}, "id": "7", "retry": 5, "comment": "c\nd"},
    ),
    (RAW(x="\nb"), {"raw_data": "a\r\nb", "event": "raw"}),
    (EventTemplate(data=Slot("data"))(data=None), {}),
]
TEMPLATED = [event for event, _ in EVENTS]
RESPONSES = {
    "hooked": eventwire.fastapi.EventSourceResponse,
    "fastapi's response": fastapi.sse.EventSourceResponse,
}
ITEMS = {
    "FastAPI's": fastapi.sse.ServerSentEvent,
    "ours": eventwire.fastapi.ServerSentEvent,
    "native": eventwire.ServerSentEvent,
    "a template's": TemplatedEvent,
    "typed": Item,
    "either": Item | fastapi.sse.ServerSentEvent,
    "untyped": None,
}
responses = pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)


def declare(response, kind, item, events):
    """Return what declares a route that yields these, annotated so."""

    def routes(app, _):
        if kind is AsyncIterable:

            async def stream():
                for event in events:
                    yield event
        else:

            def stream():
                yield from events

        if item is not None:
            stream.__annotations__["return"] = kind[item]
        app.get("/", response_class=response)(stream)

    return routes


def outcome(routes):
    """Return what a route answers, and what the application says about itself."""
    app = twins.build(routes, None)
    reply = TestClient(app).get("/")
    return reply.status_code, dict(reply.headers), reply.content, app.openapi()


@responses
@pytest.mark.parametrize("kind", [AsyncIterable, Iterable])
@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_a_templates_events_are_fastapis_events(response, kind, item):
    """The same answer and document as with FastAPI's own, whatever the route declares to yield."""
    declared = fastapi.sse.ServerSentEvent if item is TemplatedEvent else item
    whole = [fastapi.sse.ServerSentEvent(**fields) for _, fields in EVENTS]
    theirs = outcome(declare(fastapi.sse.EventSourceResponse, kind, declared, whole))
    assert outcome(declare(response, kind, item, TEMPLATED)) == theirs
    assert theirs[2].startswith('event: e\ndata: {"name":"né"}\n\n'.encode())


@responses
def test_items_and_templated_events_share_a_stream(response):
    """The item is validated, the event is not."""
    reply = outcome(declare(response, AsyncIterable, Item, [Item(), MODEL(name="x", event=None)]))
    assert reply[2] == b'data: {"called":"pen"}\n\ndata: {"name":"x"}\n\n'


def test_fastapi_takes_them_without_eventwire_fastapi():
    """Making a template is enough, after FastAPI was imported."""
    run("""
import sys
from fastapi import FastAPI
from fastapi.sse import EventSourceResponse
from fastapi.testclient import TestClient
from eventwire import EventTemplate, Slot

token = EventTemplate(data={"text": Slot("text")})
app = FastAPI()

@app.get("/", response_class=EventSourceResponse)
async def stream():
    yield token(text="hi")

assert TestClient(app).get("/").content == b'data: {"text": "hi"}\\n\\n'
assert "eventwire.fastapi" not in sys.modules
""")


def test_pydantic_knows_a_templates_events():
    """As a field of a model: an instance is taken as it is, and described as an event."""

    class Holder(BaseModel):
        event: TemplatedEvent

    event = DICT(a=1, id="7")
    holder = Holder(event=event)
    assert holder.event is event
    assert holder.model_dump()["event"]["data"] == {"a": [1, 1.5]}
    assert "raw_data" in str(Holder.model_json_schema())
    with pytest.raises(ValueError, match="instance of TemplatedEvent"):
        Holder(event=ServerSentEvent())


COMPACT = (
    'event: e\ndata: {"called":"né"}\n\n'
    'data: {"called":""}\n\n'
    ': c\n: d\ndata: {"a":[{"called":"x"},1.5]}\nid: 7\nretry: 5\n\n'
    "event: raw\ndata: a\ndata: b\n\n"
    "\n"
).encode()


async def asynchronous():
    for event in TEMPLATED:
        yield event
        await asyncio.sleep(0)


@pytest.mark.parametrize("coalesce", [True, False])
@pytest.mark.parametrize("content", [asynchronous, lambda: iter(TEMPLATED)])
def test_a_starlette_response_writes_them(content, coalesce):
    """Async and sync, one message for each or many in one."""

    async def endpoint(request):
        return EventSourceResponse(content(), coalesce=coalesce)

    app = Starlette(routes=[Route("/", endpoint)])
    assert TestClient(app).get("/").content == COMPACT


def test_a_returned_fastapi_response_writes_them():
    """In FastAPI's form."""
    app = FastAPI()

    @app.get("/")
    async def returned():
        return eventwire.fastapi.EventSourceResponse(asynchronous())

    body = TestClient(app).get("/").content
    assert body.startswith('event: e\ndata: {"name":"né"}\n\n'.encode())


def test_a_ping_may_be_a_templates_event():
    """Or the template, called each time, if it has no slots."""
    ping = EventTemplate(data={"type": "ping"}, event="ping")

    async def slow():
        await asyncio.sleep(0.2)
        yield 1

    for message in (ping(), ping):

        async def endpoint(request, message=message):
            return EventSourceResponse(slow(), ping_interval=0.05, ping_message=message)

        app = Starlette(routes=[Route("/", endpoint)])
        body = TestClient(app).get("/").content
        assert body.startswith(b'event: ping\ndata: {"type":"ping"}\n\n')
        assert body.endswith(b"data: 1\n\n")


def test_an_event_that_cannot_be_written_leaves_the_ones_before():
    """They are delivered, then the body is cut, as for any event."""

    async def events():
        yield MODEL(name="x", event="e")
        yield DICT(a=Ellipsis, id="8")

    async def main():
        wire = Wire()
        with pytest.raises(PydanticSerializationError):
            await start(EventSourceResponse(events()), wire)
        assert wire.body == b'event: e\ndata: {"called":"x"}\n\n'
        assert not wire.ended

    asyncio.run(main())
