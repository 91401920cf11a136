"""sse-starlette's event objects in our responses: our dialect, the same event for a client."""

import asyncio
import json
import subprocess
import sys

import pytest
import sse_starlette
from hypothesis import given
from hypothesis import strategies as st

import asgi
import eventwire.fastapi
from eventwire import Encoder, EventSourceResponse, ServerSentEvent
from eventwire._fastapi_hook import UNTYPED
from test_event import Item, Text, label
from test_event_safety import decode, nasty

THEIRS = sse_starlette.ServerSentEvent
JSON = sse_starlette.JSONServerSentEvent

EVENTS = [
    {},
    *(
        {"data": data}
        for data in ("", "x", "a\nb", "a\r\nb\rc", "\n", "ü 🎈\u2028\x85", 0, False, 1.5)
    ),
    *({"data": data} for data in ({"a": [1]}, [1, "x"], b"bytes", Item(), object, 10**30)),
    *({name: value} for name in ("event", "id") for value in ("", "x", "a\nb", "\r\n", "ü\u2028")),
    *({"retry": retry} for retry in (0, 1, 5000, 10**30)),
    *({"comment": comment} for comment in ("", "x", "two\r\nlines\n", 5)),
    {"data": "d", "event": "e", "id": "i", "retry": 3, "comment": "c"},
    {"data": Text("d"), "event": Text("e"), "id": Text("i")},
]


@pytest.mark.parametrize("sep", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("arguments", EVENTS, ids=label)
def test_a_client_reads_the_same_event(arguments, sep):
    """What the object's own `encode` decodes to, whatever separator it was given."""
    event = THEIRS(**arguments, sep=sep)
    before = dict(vars(event))
    frame = Encoder().encode(event)
    assert decode(b"id: before\n\n" + frame) == decode(b"id: before\n\n" + event.encode())
    assert b"\r" not in frame
    assert vars(event) == before, "the object was changed"
    assert UNTYPED.encode(event) == Encoder(Item).encode(event) == frame


def test_the_frame_is_in_our_dialect():
    """The order and the line ends are those of every event here."""
    fields = {"event": "e", "id": "i", "retry": 3, "comment": "c"}
    ours = Encoder().encode(ServerSentEvent(raw_data="a\nb", **fields))
    assert Encoder().encode(THEIRS("a\nb", **fields)) == ours
    assert ours == b": c\nevent: e\ndata: a\ndata: b\nid: i\nretry: 3\n\n"


@pytest.mark.parametrize("data", [None, "x", {"a": [1, "ü", None]}, [1.5], 0], ids=repr)
def test_json_events(data):
    """Their data is JSON text already, and not quoted again."""
    event = JSON(data, event="e")
    assert decode(Encoder().encode(event)) == decode(event.encode())
    if data is not None:
        assert json.loads(Encoder().encode(event).split(b"data: ")[1]) == data


texts = (
    st.none()
    | nasty.map(lambda text: text.replace("\0", ""))
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)


@given(texts, texts, texts, texts, st.none() | st.integers(0))
def test_any_event_reads_the_same(data, event, id_, comment, retry):
    """For every text and number that both write."""
    theirs = THEIRS(data, event=event, id=id_, comment=comment, retry=retry)
    assert decode(Encoder().encode(theirs)) == decode(theirs.encode())


def test_changed_attributes_are_written_as_they_are_now():
    """They are plain attributes there."""
    event = THEIRS("x")
    event.data, event.id, event.event = 5, "1\n2", "e"
    assert decode(Encoder().encode(event)) == decode(event.encode())


class Sub(THEIRS):
    """A subclass with a property in the place of an attribute."""

    @property
    def event(self):
        return "sub"

    @event.setter
    def event(self, value):
        pass


class Own(THEIRS):
    """A subclass that makes its frame itself."""

    frame = b"event: own\r\ndata: 1\r\n\r\n"

    def encode(self):
        return self.frame


def test_a_subclass_is_written_by_its_attributes():
    """As its inherited `encode` reads them."""
    assert Encoder().encode(Sub("x")) == b"event: sub\ndata: x\n\n"
    assert decode(Encoder().encode(Sub("x"))) == decode(Sub("x").encode())


def test_a_subclass_with_an_encode_of_its_own_makes_the_frame():
    """Only that knows what it means; but it must be whole, or it would swallow the next one."""
    event = Own()
    assert Encoder().encode(event) == Own.frame
    for event.frame in (b"data: 1\n\n", b"data: 1\r\r", b""):
        assert Encoder().encode(event) == event.frame
    for event.frame in (b"data: 1", b"data: 1\n", b"data: 1\r\n"):
        with pytest.raises(ValueError, match=r"Own\.encode\(\) must end with a blank line"):
            Encoder().encode(event)
    event.frame = "data: 1\n\n"
    with pytest.raises(TypeError, match=r"Own\.encode\(\) must return bytes"):
        Encoder().encode(event)


def test_an_error_of_the_data_is_raised_as_it_is():
    """`str(data)` is the object's own; no frame is left."""

    class Failing:
        def __str__(self):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Encoder().encode(THEIRS(Failing(), comment="never seen"))
    assert Encoder().encode(1) == b"data: 1\n\n"


@pytest.mark.parametrize("response", [EventSourceResponse, eventwire.fastapi.EventSourceResponse])
def test_they_are_streamed_among_other_events(response):
    """By both responses, from async and sync iterators."""
    items = [THEIRS("a", id="1"), JSON({"b": 1}), ServerSentEvent(raw_data="c"), Own()]
    expected = b'data: a\nid: 1\n\ndata: {"b":1}\n\ndata: c\n\n' + Own.frame

    async def stream(content):
        wire = asgi.Wire()
        await response(content)(wire.scope, wire.receive, wire.send)
        return wire.body

    for content in (asgi.items_of(items), iter(items)):
        assert asyncio.run(stream(content)) == expected


def test_they_are_recognised_whenever_sse_starlette_is_imported():
    """Also after the first event was written, and eventwire never imports it."""
    program = """
import sys, eventwire
encoder = eventwire.Encoder()
assert encoder.encode(1) == b"data: 1\\n\\n"
assert not [name for name in sys.modules if name.startswith("sse_starlette")]
import sse_starlette
assert encoder.encode(sse_starlette.ServerSentEvent("x")) == b"data: x\\n\\n"
"""
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
