"""Frames of `eventwire.sse_starlette` beside those of the installed sse-starlette."""

from __future__ import annotations

import enum
import math

import pytest
import sse_starlette
import sse_starlette.event
from hypothesis import given
from hypothesis import strategies as st

import eventwire
import eventwire.fastapi
from eventwire.sse_starlette import JSONServerSentEvent, ServerSentEvent
from eventwire.sse_starlette.event import encoder, ensure_bytes

pytestmark = pytest.mark.newest  # sse-starlette, too
SEPARATORS = ["\r\n", "\n", "\r"]


class Text(str):
    """A text that says something else of itself."""

    __slots__ = ()

    def __str__(self):
        return "lies\rdata: forged"


class Colour(enum.Enum):
    RED = "red"


class Shown:
    def __str__(self):
        return "shown\non two lines"


class Failing:
    def __str__(self):
        raise KeyError("no text")


DATA = [
    None, "", "text", "a\nb", "a\r\nb\rc\n", "\u2028 \x85 \x0b\x0c", "\ufeffx", "😀", 0, -1, 2.5,
    True, math.nan, [1, "a"], {"a": 1}, (1,), b"bytes", Text("plain"), Colour.RED, Shown(),
    {1: {"b": None}}, "\x00", "data: x", " leading", ": colon",
]  # fmt: skip
FIELDS = {
    "event": [None, "", "name", "a\nb", "\r\n", "é", Text("plain")],
    "id": [None, "", "1", "a\r\nb", "x" * 100],
    "retry": [None, 0, 1000, 10**30],
    "comment": [None, "", "c", "a\nb\rc", 5, Shown()],
    "sep": [None, *SEPARATORS],
}


def outcome(make):
    """What a call returns, or the type that it raises."""
    try:
        return make()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("data", DATA, ids=repr)
@pytest.mark.parametrize("sep", SEPARATORS, ids=repr)
def test_data_of_every_kind_is_written_alike(data, sep):
    """As an item of a stream, as an event's data and in a dict."""
    ours = encoder(sep).encode
    for item in (data, {"data": data}, {"data": data, "event": "e", "sep": "\n"}):
        theirs = outcome(lambda item=item: sse_starlette.event.ensure_bytes(item, sep))
        assert outcome(lambda item=item: ours(item)) == theirs
        assert outcome(lambda item=item: ensure_bytes(item, sep)) == theirs
    theirs = sse_starlette.ServerSentEvent(data, sep=sep)
    assert ServerSentEvent(data, sep=sep).encode() == theirs.encode()


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in FIELDS.items() for v in values], ids=repr
)
def test_each_field_is_written_alike(name, value):
    """With data and without, in an event and in a dict."""
    for data in ({}, {"data": "d"}):
        fields = {**data, name: value}
        expected = sse_starlette.ServerSentEvent(**fields).encode()
        assert ServerSentEvent(**fields).encode() == expected
        assert encoder("\r\n").encode(ServerSentEvent(**fields)) == expected
        theirs = sse_starlette.event.ensure_bytes(dict(fields), "\n")
        assert encoder("\n").encode(fields) == theirs


TEXTS = st.none() | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
LINES = TEXTS | st.text(alphabet="ab\r\n:\u2028")


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "data": LINES | st.integers() | st.lists(st.integers()),
            "event": LINES,
            "id": LINES.filter(lambda text: "\0" not in (text or "")),
            "retry": st.none() | st.integers(min_value=0),
            "comment": LINES,
        },
    ),
    sep=st.sampled_from(SEPARATORS),
)
def test_any_fields_are_written_alike(fields, sep):
    """As an event, as a dict."""
    expected = sse_starlette.ServerSentEvent(**fields, sep=sep).encode()
    assert ServerSentEvent(**fields, sep=sep).encode() == expected
    given_fields = dict(fields)
    assert encoder(sep).encode(fields) == expected
    assert fields == given_fields


@pytest.mark.parametrize(
    "item",
    [
        {"data": 1, "event": 5},
        {"data": 1, "event": b"name"},
        {"data": 1, "id": 7},
        {"data": 1, "retry": "1000"},
        {"data": 1, "retry": 1.5},
        {"data": 1, "name": "x"},
        {1: 2},
        {"data": "\ud800"},
        {"data": 1, "comment": "\ud800"},
        {"data": Failing()},
        "\ud800",
        Failing(),
        {"data": 1, "event": "\udfff"},
    ],
    ids=ascii,
)
def test_what_cannot_be_written_raises_the_same_type(item):
    """Nothing of it is left in the buffer: the next item is whole."""
    ours, theirs = encoder("\n").encode, sse_starlette.event.ensure_bytes
    expected = outcome(lambda: theirs(item, "\n"))
    assert isinstance(expected, type)
    assert outcome(lambda: ours(item)) is expected
    assert outcome(lambda: ensure_bytes(item, "\n")) is expected
    assert ours("next") == b"data: next\n\n"


@pytest.mark.parametrize(
    ("fields", "error", "theirs"),
    [
        ({"id": "a\0"}, ValueError, b"id: a\0\r\n\r\n"),
        ({"retry": -1}, ValueError, b"retry: -1\r\n\r\n"),
        ({"retry": True}, TypeError, b"retry: True\r\n\r\n"),
        ({"data": "x", "sep": "|"}, ValueError, b"data: x||"),
        ({"data": "x", "sep": ""}, ValueError, b"data: x"),
    ],
)
def test_what_no_client_reads_is_refused(fields, error, theirs):
    """A difference: there it is written."""
    assert sse_starlette.ServerSentEvent(**fields).encode() == theirs
    with pytest.raises(error, match=r"sep|retry|id"):
        ServerSentEvent(**fields).encode()


JSON = [
    None, 1, "é😀", {"a": [1, None, 2.5]}, [], math.nan, math.inf, {1: 2}, {"b": object()}, Shown(),
    "a\nb", "\ud800", {(1, 2): 3},
]  # fmt: skip


@pytest.mark.parametrize("data", JSON, ids=ascii)
def test_json_events_are_written_alike(data):
    """Or raise the same type, in the constructor or in `encode`."""
    for more in ({}, {"event": "e", "sep": "\n"}):
        ours, theirs = (
            outcome(lambda make=make, more=more: make(data, **more).encode())
            for make in (JSONServerSentEvent, sse_starlette.JSONServerSentEvent)
        )
        assert ours == theirs


def test_frames_and_memory_pass_through():
    """Also of subclasses."""

    class Bytes(bytes):
        pass

    for item in (b"raw", memoryview(b"raw"), Bytes(b"raw")):
        assert encoder("\r").encode(item) == b"raw" == ensure_bytes(item, "\r")


def test_attributes_that_change_are_what_is_written():
    """As there: nothing is kept from the constructor."""
    for cls in (ServerSentEvent, sse_starlette.ServerSentEvent):
        event = cls("a", event="e")
        event.data, event.event, event._sep = "b", None, "\n"
        assert event.encode() == b"data: b\n\n"
        assert vars(event) == {
            "data": "b", "event": None, "id": None, "retry": None, "comment": None, "_sep": "\n",
        }  # fmt: skip


def test_subclasses_may_encode_themselves_and_change_the_separator():
    """In a stream, too; dicts take the response's separator."""

    class Line(ServerSentEvent):
        DEFAULT_SEPARATOR = "\n"

    class Own(ServerSentEvent):
        def encode(self):
            return b"own\n\n"

    assert Line("x").encode() == b"data: x\n\n" == encoder("\r").encode(Line("x"))
    assert encoder("\r\n").encode(Own("x")) == b"own\n\n"

    class Dict(dict):
        pass

    assert encoder("\n").encode(Dict(data=1)) == b"data: 1\n\n"


def test_events_of_others_are_events():
    """A difference for eventwire's and FastAPI's: there they are what `str` says."""
    encode = encoder("\r\n").encode
    assert encode(sse_starlette.ServerSentEvent("x")) == b"data: x\r\n\r\n"
    assert encode(eventwire.ServerSentEvent(data={"a": 1}, id="1")) == b'data: {"a":1}\nid: 1\n\n'
    assert encode(eventwire.fastapi.ServerSentEvent(raw_data="x")) == b"data: x\n\n"


def test_our_other_responses_take_these_events():
    """As they take sse-starlette's."""
    event = ServerSentEvent("a\nb", event="e\n", id="1", retry=5, comment="c")
    expected = b": c\nevent: e\ndata: a\ndata: b\nid: 1\nretry: 5\n\n"
    assert eventwire.Encoder().encode(event) == expected
