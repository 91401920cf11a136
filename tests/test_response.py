"""The response class: arguments, headers, kinds of items, and the ways around the pump."""

from __future__ import annotations

import asyncio
import warnings

import pytest
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from asgi import Wire
from eventwire import EventSourceResponse, ServerSentEvent


class Item(BaseModel):
    name: str = Field(serialization_alias="Name")
    price: float


async def items():
    yield Item(name="é", price=float("inf"))
    yield {"a": [1, None, True]}
    yield "text\nof two lines"
    yield b"data: ready\n\n"
    yield memoryview(b": too\n\n")
    yield ServerSentEvent(data={"b": 1}, event="e", id="1", retry=5, comment="c\nd")
    yield ServerSentEvent(raw_data="x\r\ny\rz")
    yield ServerSentEvent()
    yield None


FRAMES = (
    'data: {"Name":"é","price":null}\n\n'
    'data: {"a":[1,null,true]}\n\n'
    'data: "text\\nof two lines"\n\n'
    "data: ready\n\n"
    ": too\n\n"
    ': c\n: d\nevent: e\ndata: {"b":1}\nid: 1\nretry: 5\n\n'
    "data: x\ndata: y\ndata: z\n\n"
    "\n"
    "data: null\n\n"
).encode()


async def run(response):
    wire = Wire()
    await response(wire.scope, wire.receive, wire.send)
    return wire


def test_every_kind_of_item_has_its_bytes():
    """Compact JSON with aliases, frames as they are, events as they declare."""
    wire = asyncio.run(run(EventSourceResponse(items())))
    assert wire.body == FRAMES
    assert wire.ended


def test_the_headers_are_those_of_an_event_stream():
    """The ones FastAPI sends; the user's own come first and win."""
    response = EventSourceResponse(items(), headers={"x-own": "1", "cache-control": "no-store"})
    assert response.raw_headers == [
        (b"x-own", b"1"),
        (b"cache-control", b"no-store"),
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-accel-buffering", b"no"),
    ]
    assert dict(EventSourceResponse(items()).headers) == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }


def test_status_cookies_media_type_and_background_are_those_of_any_response():
    """It is a Starlette response."""
    done = []
    response = EventSourceResponse(
        items(),
        status_code=202,
        media_type="text/x-events",
        background=BackgroundTask(done.append, 1),
    )
    response.set_cookie("a", "b")
    assert isinstance(response, StreamingResponse)
    wire = asyncio.run(run(response))
    start = wire.messages[0]
    assert start["status"] == 202
    assert (b"content-type", b"text/x-events; charset=utf-8") in start["headers"]
    assert any(name == b"set-cookie" for name, _ in start["headers"])
    assert done == [1]


@pytest.mark.parametrize("content", [None, 5, object(), "text", b"bytes", items])
def test_content_that_is_no_stream_is_a_type_error(content):
    """It names the argument and what was given."""
    with pytest.raises(TypeError, match=r"content must be .* not "):
        EventSourceResponse(content)


def test_body_iterator_gives_the_frames_one_by_one():
    """For code that wraps it: bytes, one frame per item, the generator closed at the end."""

    async def main():
        return [frame async for frame in EventSourceResponse(items()).body_iterator]

    frames = asyncio.run(main())
    assert b"".join(frames) == FRAMES
    assert len(frames) == 9


def test_a_replaced_body_iterator_is_sent_as_it_is():
    """Str and bytes of the wrapper pass through; a disconnect closes the wrapper."""

    async def wrapped(inner):
        yield ": before\n\n"
        async for frame in inner:
            yield frame.upper()

    async def generator():
        yield "a"

    response = EventSourceResponse(generator())
    response.body_iterator = wrapped(response.body_iterator)
    assert asyncio.run(run(response)).body == b': before\n\nDATA: "A"\n\n'


@pytest.mark.newest
def test_a_websocket_can_be_denied_with_it():
    """As with every Starlette response."""

    async def deny(websocket):
        await websocket.send_denial_response(EventSourceResponse(items()))

    client = TestClient(Starlette(routes=[WebSocketRoute("/", deny)]))
    with pytest.raises(Exception) as denied, client.websocket_connect("/"):
        pass
    assert denied.value.content == FRAMES


def test_the_test_client_reads_a_finite_stream():
    """In-process tests of users work, one after the other, without warnings."""

    async def endpoint(request):
        return EventSourceResponse(items())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = TestClient(Starlette(routes=[Route("/", endpoint)]))
        assert [client.get("/").content for _ in range(3)] == [FRAMES] * 3


def test_a_response_that_is_never_sent_leaves_no_warning(recwarn):
    """Made and dropped: the generator is not entered and nothing complains."""
    EventSourceResponse(items())
    assert not recwarn.list
