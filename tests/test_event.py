"""The native `ServerSentEvent`: its arguments against FastAPI's class, and what an object does."""

import copy
import functools
import gc
import json
import pickle
import sys
import weakref
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import fastapi.sse
import pytest
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ValidationError

import eventwire.fastapi
from eventwire import Encoder, ServerSentEvent

FIELDS = ("data", "raw_data", "event", "id", "retry", "comment")


class Text(str):
    """A `str` that is no exact `str`."""

    __slots__ = ()


class Number(int):
    """An `int` that is no exact `int`."""


class Kind(StrEnum):
    """An enum member is text too."""

    NEWS = "news"


class Item(BaseModel):
    """A payload."""

    name: str = "pen"


class Truthy:
    """Converts to whatever is asked, which must not help it."""

    def __str__(self):
        return "text"

    __repr__ = __str__

    def __int__(self):
        return 1

    __index__ = __int__


GOOD = [
    {},
    *({"data": data} for data in (0, False, "", None, "x", [], {}, 1.5, 10**30, float("nan"))),
    {"data": {"a": [1, {"b": None}]}},
    {"data": "line\r\nend"},
    {"data": Item()},
    *({"raw_data": raw} for raw in ("", "x", "a\nb", "a\rb", "a\r\nb", "\n", "\r\n\r\n", "a\n")),
    {"raw_data": "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"},
    {"raw_data": "grüße 🎈 \x00 \ufeff"},
    {"data": None, "raw_data": "x"},
    *({name: ""} for name in ("event", "id", "comment")),
    *({name: "grüße: 🎈"} for name in ("event", "id", "comment")),
    {"event": "nul\0"},
    {"event": "a\u2028b\x85c\x0bd"},
    {"comment": "two\nlines\r\n"},
    {"id": "\u2028"},
    *({"retry": retry} for retry in (0, 1, 5000, 2**63, 2**64, 10**40)),
    {"comment": "c", "event": "e", "data": [1], "id": "i", "retry": 3},
    {"comment": "c", "event": "e", "raw_data": "r", "id": "i", "retry": 0},
]
CONVERTED = [
    *({"retry": retry} for retry in ("5", " 5 ", "+5", 5.0, True, False, Decimal(7), Number(3))),
    *({"retry": retry} for retry in (b"5", "1_000", "0", -0.0, "5.0", Decimal("7.0"))),
    *({name: b"bytes \xc3\xbc"} for name in ("event", "id", "comment", "raw_data")),
    *({name: bytearray(b"x")} for name in ("event", "id", "comment", "raw_data")),
    *({name: Text("x")} for name in ("event", "id", "comment", "raw_data", "data")),
    {"retry": Truthy()},
    {"event": Kind.NEWS},
    {"data": Kind.NEWS},
]
WRONG = [
    *({"retry": retry} for retry in (-1, -(10**30), 1.5, "x", "", [], {}, float("inf"))),
    *({"retry": retry} for retry in (Decimal("1.5"), datetime.now(UTC), "-1", b"\xff")),
    *({name: 1} for name in ("event", "id", "comment", "raw_data")),
    *({name: Truthy()} for name in ("event", "id", "comment", "raw_data")),
    *({name: b"\xff"} for name in ("event", "id", "comment", "raw_data")),
    *({name: memoryview(b"x")} for name in ("event", "id")),
    *({"event": bad} for bad in ("a\nb", "a\rb", "a\r\nb", "\n", b"a\nb", Text("a\nb"))),
    *({"id": bad} for bad in ("a\nb", "a\rb", "a\0b", "\0", "\0\n", "\n\0", b"\0", Text("\0"))),
    {"data": 1, "raw_data": "x"},
    {"data": 0, "raw_data": ""},
    {"data": False, "raw_data": ""},
    {"event": "a\nb", "id": "a\0b", "retry": -1, "comment": 1, "data": 1, "raw_data": "x"},
    {"event": 1, "raw_data": 1, "data": 1},
]


def label(arguments):
    return ",".join(f"{name}={value!r}" for name, value in arguments.items())[:60] or "nothing"


def frame_of_theirs(event):
    """What FastAPI's route writes for an event of its own class."""
    text = event.raw_data
    if text is None and event.data is not None:
        text = json.dumps(jsonable_encoder(event.data), separators=(",", ":"), ensure_ascii=False)
    fields = {name: getattr(event, name) for name in ("event", "id", "retry", "comment")}
    return fastapi.sse.format_sse_event(data_str=text, **fields)


@pytest.mark.newest
@pytest.mark.parametrize("arguments", GOOD + CONVERTED, ids=label)
def test_accepted_arguments_give_the_same_fields(arguments):
    """Every field has the value and the type that FastAPI's class gives it."""
    ours = ServerSentEvent(**arguments)
    theirs = fastapi.sse.ServerSentEvent(**arguments)
    for name in FIELDS:
        ours_value, theirs_value = getattr(ours, name), getattr(theirs, name)
        assert type(ours_value) is type(theirs_value), name
        assert ours_value is theirs_value or ours_value == theirs_value, name


@pytest.mark.newest
@pytest.mark.parametrize(
    "arguments", [a for a in GOOD + CONVERTED if a.get("data") == a.get("data")], ids=label
)
def test_accepted_arguments_give_the_same_frame(arguments):
    """A native event and one of FastAPI's class are written alike, as FastAPI writes them."""
    theirs = fastapi.sse.ServerSentEvent(**arguments)
    expected = frame_of_theirs(theirs)
    assert Encoder().encode(ServerSentEvent(**arguments)) == expected
    assert Encoder().encode(theirs) == expected


@pytest.mark.newest
@pytest.mark.parametrize("arguments", WRONG, ids=label)
def test_wrong_arguments_give_the_same_errors(arguments):
    """They are refused with FastAPI's error: the same types, locations and messages."""
    with pytest.raises(ValidationError) as theirs:
        fastapi.sse.ServerSentEvent(**arguments)
    with pytest.raises(ValidationError) as ours:
        ServerSentEvent(**arguments)
    assert ours.value.title == theirs.value.title == "ServerSentEvent"
    keys = ("type", "loc", "msg")
    assert [[error[key] for key in keys] for error in ours.value.errors()] == [
        [error[key] for key in keys] for error in theirs.value.errors()
    ]


def test_only_keyword_arguments():
    """Neither class takes a positional argument."""
    for make in (ServerSentEvent, fastapi.sse.ServerSentEvent):
        with pytest.raises(TypeError):
            make("x")


def test_every_way_of_calling_makes_the_same_event():
    """Interned names or not, in any order, from dicts, partials and C code."""
    event = ServerSentEvent(event="e", id="1", retry=5)
    fresh = {"".join(name): value for name, value in (("retry", 5), ("id", "1"), ("event", "e"))}
    assert ServerSentEvent(**fresh) == ServerSentEvent(id="1", retry=5, event="e") == event
    assert functools.partial(ServerSentEvent, id="0", event="e")(id="1", retry=5) == event
    assert ServerSentEvent.__new__(ServerSentEvent, **fresh) == event
    assert type.__call__(ServerSentEvent, **fresh) == event
    assert ServerSentEvent() == ServerSentEvent() == ServerSentEvent(**dict.fromkeys(FIELDS))
    assert fresh == {"retry": 5, "id": "1", "event": "e"}
    with pytest.raises(TypeError, match="multiple values"):
        ServerSentEvent(id="1", **fresh)
    with pytest.raises(TypeError, match="keywords must be strings"):
        ServerSentEvent(**{1: "x"})
    with pytest.raises(TypeError, match="positional"):
        ServerSentEvent("x", event="e")


def test_arguments_are_neither_lost_nor_kept():
    """Each has as many references after the events' end as before, also after an error."""
    payload, name = object(), b"name".decode()
    before = sys.getrefcount(payload), sys.getrefcount(name)
    for _ in range(100):
        ServerSentEvent(data=payload, event=name)
        eventwire.fastapi.ServerSentEvent(data=payload, event=name)
        for fields in ({"retry": -1}, {"evnet": 1}):
            with pytest.raises((ValidationError, TypeError)):
                ServerSentEvent(data=payload, event=name, **fields)
    gc.collect()
    assert (sys.getrefcount(payload), sys.getrefcount(name)) == before


def test_an_unknown_field_of_the_native_class_is_a_type_error():
    """A misspelled field is refused; FastAPI's class, which ignores it, is the drop-in."""
    with pytest.raises(TypeError, match="evnet"):
        ServerSentEvent(evnet="x")
    assert fastapi.sse.ServerSentEvent(evnet="x") == fastapi.sse.ServerSentEvent()


def test_repr_shows_every_field():
    """The repr is the call that makes an equal event."""
    event = ServerSentEvent(data={"a": [1]}, event="e'", retry=5)
    assert repr(event) == (
        """ServerSentEvent(data={'a': [1]}, raw_data=None, event="e'", id=None, retry=5, """
        "comment=None)"
    )
    assert eval(repr(event), {"ServerSentEvent": ServerSentEvent}) == event


@pytest.mark.parametrize("field", FIELDS)
def test_events_are_equal_if_all_fields_are(field):
    """A single field makes the difference; other classes are never equal."""
    value = 5 if field == "retry" else "5"
    event = ServerSentEvent(**{field: value})
    assert event == ServerSentEvent(**{field: value})
    assert event != ServerSentEvent()
    assert event != ServerSentEvent(**{field: 6 if field == "retry" else "6"})
    assert event != {field: value}
    assert event != fastapi.sse.ServerSentEvent(**{field: value})


def test_an_object_equals_itself_inside_an_event():
    """Also a NaN, as in Pydantic's models, and whatever its `__eq__` gives or raises."""

    class Odd:
        def __eq__(self, other):
            raise RuntimeError("asked")

        __hash__ = None

    for data in (float("nan"), Odd()):
        assert ServerSentEvent(data=data) == ServerSentEvent(data=data)
    assert ServerSentEvent(data=float("nan")) != ServerSentEvent(data=float("nan"))
    with pytest.raises(RuntimeError, match="asked"):
        assert ServerSentEvent(data=Odd()) == ServerSentEvent(data=Odd())


def test_an_event_is_not_hashable():
    """It can change; FastAPI's class is not hashable either."""
    for make in (ServerSentEvent, fastapi.sse.ServerSentEvent):
        with pytest.raises(TypeError, match="unhashable"):
            hash(make())


@pytest.mark.parametrize(
    "arguments", [a for a in GOOD if a.get("data") == a.get("data")], ids=label
)
def test_pickle_and_copy_keep_every_field(arguments):
    """What comes out is equal, and a deep copy shares no payload."""
    event = ServerSentEvent(**arguments)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(event, protocol)) == event
    assert copy.copy(event) == event
    assert copy.copy(event).data is event.data
    deep = copy.deepcopy(event)
    assert deep == event
    assert deep.data is not event.data or not isinstance(event.data, list | dict | BaseModel)


def test_an_event_may_hold_itself():
    """Copies and pickles keep the circle, it can be shown, and it is collected."""
    event = ServerSentEvent(event="e")
    event.data = {"event": event}
    for again in (copy.deepcopy(event), *(pickle.loads(pickle.dumps(event, p)) for p in range(6))):
        assert again.data["event"] is again
        assert again.event == "e"
    assert "data={...}" in repr(event)
    watched = type("Watched", (), {})()
    event.comment, event.data["watched"] = "kept", watched
    gone = weakref.ref(watched)
    del event, again, watched
    gc.collect()
    assert gone() is None


def test_replace_makes_a_new_event():
    """What `copy.replace` of Python 3.13 calls: other values, the same checks."""
    event = ServerSentEvent(data=[1], event="e", id="1")
    other = event.__replace__(id="2", comment="c")
    assert other == ServerSentEvent(data=[1], event="e", id="2", comment="c")
    assert event == ServerSentEvent(data=[1], event="e", id="1")
    assert event.__replace__(data=None, raw_data="x").raw_data == "x"
    with pytest.raises(ValidationError, match="Cannot set both"):
        event.__replace__(raw_data="x")
    with pytest.raises(TypeError, match="evnet"):
        event.__replace__(evnet="x")


def test_a_pickle_is_checked_when_it_is_loaded():
    """A forged state is refused, and the event is as it was."""
    event = ServerSentEvent(event="a")
    with pytest.raises(ValidationError, match="single line"):
        event.__setstate__({"event": "a\nb", "id": "1"})
    assert event == ServerSentEvent(event="a")


def test_keyword_patterns_match():
    """By field, as for any class."""
    match ServerSentEvent(event="token", data={"n": 1}):
        case ServerSentEvent(event="done"):
            raise AssertionError
        case ServerSentEvent(event="token", data={"n": number}, id=None):
            assert number == 1
        case _:
            raise AssertionError
