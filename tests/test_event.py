"""The native `ServerSentEvent` against FastAPI's class, and what no event object gets through.

What a receiver makes of the frames is in `test_received.py`.
"""

import copy
import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import fastapi.sse
import pytest
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ValidationError

from eventwire import Encoder, ServerSentEvent
from eventwire._core import Driver, Outcome

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


@pytest.mark.parametrize("field", ["raw_data", "comment", "event", "id"])
def test_a_lone_surrogate_is_refused_by_the_time_it_is_written(field):
    """Text that has no UTF-8 never becomes bytes."""
    for make in (ServerSentEvent, fastapi.sse.ServerSentEvent):
        with pytest.raises((ValidationError, UnicodeEncodeError)):
            Encoder().encode(make(**{field: "\ud800"}))


def test_only_keyword_arguments():
    """Neither class takes a positional argument."""
    for make in (ServerSentEvent, fastapi.sse.ServerSentEvent):
        with pytest.raises(TypeError):
            make("x")


def test_an_unknown_field_of_the_native_class_is_a_type_error():
    """A misspelled field is refused; FastAPI's class, which ignores it, is the drop-in."""
    with pytest.raises(TypeError, match="evnet"):
        ServerSentEvent(evnet="x")
    assert fastapi.sse.ServerSentEvent(evnet="x") == fastapi.sse.ServerSentEvent()


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_cannot_be_changed(field):
    """An event is immutable, also for names that it does not have."""
    event = ServerSentEvent(event="a")
    with pytest.raises(AttributeError):
        setattr(event, field, None)
    with pytest.raises(AttributeError):
        delattr(event, field)
    with pytest.raises(AttributeError):
        event.other = 1
    assert event == ServerSentEvent(event="a")


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


@pytest.mark.parametrize(
    "arguments", [a for a in GOOD if a.get("data") == a.get("data")], ids=label
)
def test_pickle_and_copy_keep_every_field(arguments):
    """What comes out is equal, and a deep copy shares no payload."""
    event = ServerSentEvent(**arguments)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(event, protocol)) == event
    assert copy.copy(event) == event
    assert copy.copy(event).data is event.data
    deep = copy.deepcopy(event)
    assert deep == event
    assert deep.data is not event.data or not isinstance(event.data, list | dict | BaseModel)


class Lying(str):
    """Says that it has no line end, and that it is something else."""

    __slots__ = ()

    def __contains__(self, other):
        return False

    def __str__(self):
        return "innocent"

    __repr__ = __str__

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__

    def __len__(self):
        return 0

    def encode(self, *_):
        return b"innocent"

    def replace(self, *_):
        return "innocent"

    def splitlines(self, *_):
        return []

    def __iter__(self):
        return iter(())


def mutated(**fields):
    event = fastapi.sse.ServerSentEvent(raw_data="first")
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def constructed(**fields):
    return fastapi.sse.ServerSentEvent.model_construct(**{"raw_data": "first", **fields})


def updated(**fields):
    return fastapi.sse.ServerSentEvent(raw_data="first").model_copy(update=fields)


def dictionary(**fields):
    event = fastapi.sse.ServerSentEvent(raw_data="first")
    event.__dict__.update(fields)
    return event


ILLEGAL = [
    *(({name: bad}, ValueError) for name in ("event", "id") for bad in ("a\nb", "a\rb", "\r\n")),
    *(({name: Lying("a\n\ndata: forged")}, ValueError) for name in ("event", "id")),
    *(({"id": bad}, ValueError) for bad in ("a\0b", Lying("\0"), "\0\n")),
    *(({"retry": bad}, ValueError) for bad in (-1, -(10**30))),
    *(({"retry": bad}, TypeError) for bad in ("5", "5\n\ndata: forged", 1.5, [], b"5")),
    *(({name: bad}, TypeError) for name in ("event", "id") for bad in (1, b"x", [], Truthy())),
    *(({name: bad}, TypeError) for name in ("comment", "raw_data") for bad in (1, b"x", Truthy())),
    *(({name: "\ud800"}, UnicodeEncodeError) for name in ("event", "id", "comment", "raw_data")),
]


def text_of(case):
    return label(case[0]) if isinstance(case, tuple) else None


@pytest.mark.parametrize("smuggle", [constructed, mutated, updated, dictionary])
@pytest.mark.parametrize("case", ILLEGAL, ids=text_of)
def test_an_illegal_field_is_refused_when_it_is_written(smuggle, case):
    """Whatever way it got past the validators, and nothing of its frame is left over."""
    fields, error = case
    event = smuggle(**{"comment": "never seen", **fields})

    async def events():
        yield "before"
        yield event

    with pytest.raises(error):
        Encoder().encode(event)
    driver = Driver(events(), Encoder())
    assert driver.advance(None, True) is Outcome.BUDGET
    with pytest.raises(error):
        driver.advance(None, False)
    assert driver.take() == b'data: "before"\n\n'
    assert driver.take() is None


@pytest.mark.parametrize("smuggle", [constructed, mutated, updated, dictionary])
def test_a_lying_str_is_written_as_the_characters_it_has(smuggle):
    """Its methods are not asked: what a client gets is what the buffer holds."""
    event = smuggle(event=Lying("name"), comment=Lying("a\nb"), raw_data=Lying("c\rd"))
    expected = b": a\n: b\nevent: name\ndata: c\ndata: d\n\n"
    assert Encoder().encode(event) == expected
