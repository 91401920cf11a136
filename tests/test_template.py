"""`EventTemplate`, `Slot` and the events that a template makes."""

import dataclasses
import datetime as dt
import threading
from typing import Any, Literal, NotRequired, TypedDict

import pydantic
import pytest
from pydantic import BaseModel, Field, computed_field, create_model, field_serializer

from eventwire import Encoder, EventTemplate, ServerSentEvent, Slot
from oracle import outcome

COMPACT = Encoder()
SPACED = Encoder(dialect="spaced")


class Delta(BaseModel):
    role: str | None = None
    content: str | None = None
    score: float = Field(default=0.5, serialization_alias="points")
    last: bool = False


class Chunk(BaseModel):
    id: str
    deltas: list[Delta] = []


CHUNK = Chunk(id="1", deltas=[Delta(content="example")])
CONTENT = {"content": ("deltas", 0, "content")}


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    name: str = "Tom"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str = "Rex"


class Owner(BaseModel):
    pet: Cat | Dog = Field(default=Dog(), discriminator="kind")
    other: Cat | Dog = Dog()


class Finish(BaseModel):
    reason: Literal["stop", "length"] | None = None


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    y: int = 2


def frames(event):
    """Return what both of FastAPI's forms make of an event."""
    return COMPACT.encode(event), SPACED.encode(event)


def never(slot, memo):
    raise AssertionError("the payload was put together")


def test_a_slot_in_an_example_is_filled_in_for_each_event():
    """In FastAPI's form of an event's data, and in the compact one."""
    template = EventTemplate(data={"n": [1, Slot("x")], "é": None}, event="e", id=Slot("id"))
    assert template.slots == ("x", "id")
    event = template(x='"ü"\n', id="7")
    assert frames(event) == (
        'event: e\ndata: {"n":[1,"\\"ü\\"\\n"],"é":null}\nid: 7\n\n'.encode(),
        b'event: e\ndata: {"n": [1, "\\"\\u00fc\\"\\n"], "\\u00e9": null}\nid: 7\n\n',
    )


@pytest.mark.parametrize(
    "value",
    [
        *("é\u2028", "", 0, -7, 2**70, 0.1, 1e-7, float("nan"), True, None, [1, {"a": [None]}]),
        *((1, 2), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), {"_sa_x": 1, 2: 3}, Point(1), Delta()),
    ],
    ids=repr,
)
def test_a_slot_takes_any_json_value(value):
    """Written as the whole payload with it would be."""
    template = EventTemplate(data={"a": Slot("value"), "b": [Slot("value")]})
    whole = ServerSentEvent(data={"a": value, "b": [value]})
    for _ in range(2):
        assert frames(template(value=value)) == frames(whole)


def test_a_slot_of_a_model_is_said_by_its_path():
    """On FastAPI's routes a model writes itself by the names of its fields, else by aliases."""
    template = EventTemplate(data=CHUNK, slots={**CONTENT, "score": ("deltas", -1, "score")})
    compact, spaced = frames(template(content="né", score=2.5))
    shared = (
        b'data: {"id":"1","deltas":[{"role":null,"content":"n\xc3\xa9","%s":2.5,"last":false}]}\n\n'
    )
    assert compact == shared % b"points"
    assert spaced == shared % b"score"


def test_the_payload_itself_may_be_a_slot():
    """Then it is the event's data: a model writes itself, and None means no data."""
    template = EventTemplate(data=Slot("data"), event="e")
    for value in (Delta(), {"a": 1}, "text", 5, None):
        expected = frames(ServerSentEvent(data=value, event="e"))
        assert frames(template(data=value)) == expected


@pytest.mark.parametrize(
    ("data", "slots", "value"),
    [
        ({"a": [Slot("x")]}, {}, "text"),
        ({"a": [Slot("x")]}, {}, {"nested": [1, 2.5]}),
        (CHUNK, {"x": ("deltas", 0, "content")}, "text"),
        (CHUNK, {"x": ("deltas", 0, "content")}, None),
        (CHUNK, {"x": ("deltas", 0, "score")}, 0.25),
        (CHUNK, {"x": ("deltas", 0, "last")}, True),
        (create_model("Loose", f=(Any, 1))(), {"x": "f"}, [1, {"a": None}]),
        ({"a": Point(1)}, {"x": ("a", "y")}, 5),
        (Owner(), {"x": ("pet", "name")}, "text"),
        (Owner(), {"x": ("other", "name")}, "text"),
        (Finish(), {"x": "reason"}, "stop"),
        (Finish(), {"x": "reason"}, None),
        ([CHUNK], {"x": (0, "id")}, "text"),
    ],
)
def test_plain_values_are_filled_into_constant_bytes(data, slots, value, monkeypatch):
    """Once it has been written in a dialect, no payload is put together for such a value."""
    template = EventTemplate(data=data, slots=slots)
    expected = frames(template(x=value))
    monkeypatch.setattr(Slot, "__deepcopy__", never)
    assert frames(template(x=value)) == expected


def test_a_slot_that_others_depend_on_is_encoded_with_them():
    """A computed field, a serializer that takes the model: the whole is written each time."""

    class Counted(BaseModel):
        text: str = ""
        other: int = 1

        @computed_field
        @property
        def length(self) -> int:
            return len(self.text)

    class Shown(BaseModel):
        text: str = ""
        other: int = 1

        @field_serializer("other")
        def _other(self, value: int) -> str:
            return f"{self.text}{value}"

    for model in (Counted, Shown):
        template = EventTemplate(data={"m": model()}, slots={"text": ("m", "text")})
        for text in ("", "abc"):
            whole = ServerSentEvent(data={"m": model(text=text)})
            assert frames(template(text=text)) == frames(whole)


@pytest.mark.parametrize("value", ["Pip", "cat", "dog", "none", None, 5])
@pytest.mark.parametrize("path", [("pet", "name"), ("pet", "kind"), ("other", "name")])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_slot_inside_of_a_union_is_written_by_its_member(path, value):
    """Also where it is what says which member it is."""
    template = EventTemplate(data=Owner(), slots={"x": path})
    whole = Owner(pet=Dog(), other=Dog())
    getattr(whole, path[0]).__dict__[path[1]] = value
    event = ServerSentEvent(data=whole)
    for encoder in (COMPACT, SPACED):
        theirs = outcome(lambda encoder=encoder: encoder.encode(event))
        for _ in range(2):
            assert outcome(lambda encoder=encoder: encoder.encode(template(x=value))) == theirs


def test_a_value_that_the_field_is_not_declared_for_is_written_with_pydantics_warning():
    """As after `model_copy(update=…)`: each time, not only the first."""
    template = EventTemplate(data=CHUNK, slots=CONTENT)
    for _ in range(2):
        with pytest.warns(UserWarning, match="Expected `str`"):
            frame = SPACED.encode(template(content=5))
        assert b'"content":5,' in frame


@pytest.mark.parametrize("value", ["stop", "length", "other", None, 5, "\ud800"])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_slot_of_a_literal_takes_its_members_and_others_with_a_warning(value):
    """As Pydantic writes them."""
    template = EventTemplate(data=Finish(), slots={"x": "reason"})
    whole = ServerSentEvent(data=Finish.model_construct(reason=value))
    for encoder in (COMPACT, SPACED):
        theirs = outcome(lambda encoder=encoder: encoder.encode(whole))
        assert outcome(lambda encoder=encoder: encoder.encode(template(x=value))) == theirs


def test_a_type_is_an_example_whose_fields_without_default_are_slots():
    """A model, a dataclass, a TypedDict."""

    class Text(BaseModel):
        type: Literal["text"] = "text"
        text: str
        made: float = Field(default_factory=float)

    class Table(TypedDict):
        a: int
        b: NotRequired[int]

    assert EventTemplate(data=Text).slots == ("text", "made")
    frame = b'data: {"type":"text","text":"t","made":1.5}\n\n'
    assert COMPACT.encode(EventTemplate(data=Text)(text="t", made=1.5)) == frame
    assert COMPACT.encode(EventTemplate(data=Point)(x=1)) == b'data: {"x":1,"y":2}\n\n'
    assert COMPACT.encode(EventTemplate(data=Table)(a=1)) == b'data: {"a":1}\n\n'
    with pytest.raises(TypeError, match="a model, dataclass or TypedDict, not <class 'int'>"):
        EventTemplate(data=int)


def test_text_with_slots_is_split_where_its_lines_end():
    """Raw data: also where a line end comes about only between a slot and what stands beside it."""
    template = EventTemplate(raw_data=("a\r", Slot("x"), "c"), event=("e-", Slot("x")))
    assert COMPACT.encode(template(x="b")) == b"event: e-b\ndata: a\ndata: bc\n\n"
    raw = EventTemplate(raw_data=("a\r", Slot("x"), "c"))
    assert COMPACT.encode(raw(x="\nb\n")) == b"data: a\ndata: b\ndata: c\n\n"
    assert COMPACT.encode(EventTemplate(raw_data=Slot("x"))(x="1\r\n2\n")) == (
        b"data: 1\ndata: 2\ndata: \n\n"
    )
    assert COMPACT.encode(EventTemplate(data=Slot("x"))(x="1\r\n2")) == b'data: "1\\r\\n2"\n\n'


def test_none_in_event_or_id_means_no_such_field():
    """As everywhere."""
    template = EventTemplate(data={"a": Slot("a")}, event=Slot("event"), id=Slot("id"))
    assert COMPACT.encode(template(a=1, event=None, id=None)) == b'data: {"a":1}\n\n'
    assert COMPACT.encode(template(a=1, event="", id="")) == b'event: \ndata: {"a":1}\nid: \n\n'


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "slots 'a', 'id', 'b' are missing"),
        ({"a": 1, "b": 2}, "slot 'id' is missing"),
        ({"a": 1, "b": 2, "id": "1", "c": 3}, "no slot 'c'; it has 'a', 'id', 'b'"),
        (
            {"a": 1, "b": "2", "id": 1},
            "slot 'id' stands in SSE 'id' and must be a str or None, not int",
        ),
        (
            {"a": 1, "b": None, "id": "1"},
            "slot 'b' stands in SSE 'event' and must be a str, not None",
        ),
    ],
)
def test_a_missing_unknown_or_ill_typed_slot_is_named(values, message):
    """TypeError, when the event is made."""
    template = EventTemplate(data=[Slot("a"), Slot("id")], event=("e", Slot("b")), id=Slot("id"))
    with pytest.raises(TypeError, match=message):
        template(**values)
    with pytest.raises(TypeError, match="filled by name"):
        template(1, **values)
    with pytest.raises(TypeError, match="filled by name"):
        EventTemplate.__call__(template, 1)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("event", "a\nb", "slot 'x': SSE 'event' must be a single line"),
        ("event", "\r", "slot 'x': SSE 'event' must be a single line"),
        ("id", "a\r\n", "slot 'x': SSE 'id' must be a single line"),
        ("id", "\0", "slot 'x': SSE 'id' must not contain null characters"),
        ("id", "\ud800", "SSE 'id' must be text without lone surrogates"),
    ],
)
def test_a_name_or_an_id_that_is_not_legal_is_refused(field, value, message):
    """ValueError when the event is made, for a whole field and for a part of one."""
    for content in (Slot("x"), ("a", Slot("x"))):
        template = EventTemplate(data=1, **{field: content})
        with pytest.raises(ValueError, match=message):
            template(x=value)


def test_a_value_that_is_no_json_gives_the_whole_payloads_error_and_no_frame():
    """When it is written; the template goes on working."""
    template = EventTemplate(data={"a": Slot("a")})
    for encoder in (COMPACT, SPACED):
        with pytest.raises(ValueError) as theirs:
            encoder.encode(ServerSentEvent(data={"a": Ellipsis}))
        with pytest.raises(type(theirs.value)) as ours:
            encoder.encode(template(a=Ellipsis))
        assert str(ours.value) == str(theirs.value)
        assert b"1}" in encoder.encode(template(a=1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": 1, "raw_data": "x"}, ValueError, "Cannot set both"),
        ({"data": 1, "event": "a\nb"}, ValueError, "single line"),
        ({"data": 1, "id": ("a\0", Slot("x"))}, ValueError, "null characters"),
        ({"data": 1, "event": 5}, pydantic.ValidationError, "valid string"),
        ({"data": 1, "retry": Slot("x")}, TypeError, r"Slot\('x'\) cannot be filled in 'retry'"),
        ({"data": {Slot("x"): 1}}, TypeError, r"Slot\('x'\) cannot be filled where it stands"),
        ({"data": {Slot("x")}}, TypeError, r"Slot\('x'\) cannot be filled where it stands"),
        ({"data": 1, "event": ("a", 1)}, TypeError, "a tuple of str and Slot, not of 1"),
        (
            {"data": CHUNK, "slots": {"x": ("deltas", 1)}},
            ValueError,
            r"slots\['x'\]: there is no 1",
        ),
        ({"data": {}, "slots": {"x": "a"}}, ValueError, r"slots\['x'\]: there is no 'a'"),
        ({"data": threading.Lock()}, TypeError, "cannot pickle"),
    ],
)
def test_an_example_that_cannot_be_a_template_is_refused(arguments, error, message):
    """When it is made, naming what is wrong."""
    with pytest.raises(error, match=message):
        EventTemplate(**arguments)


@pytest.mark.parametrize("name", ["", None, 1, b"x"])
def test_a_slot_has_a_name(name):
    """A str that is not empty."""
    with pytest.raises(TypeError, match="the name of a slot"):
        Slot(name)


def test_many_slots_are_filled():
    """More than most templates have, in any order of the arguments."""
    names = [f"slot{number}" for number in range(40)]
    template = EventTemplate(data=[Slot(name) for name in names])
    values = {name: number for number, name in enumerate(names)}
    event = template(**dict(reversed(values.items())))
    assert event.data == [*range(40)]
    assert event.values == values


def test_names_that_are_not_interned_are_found():
    """They may come from anywhere."""
    template = EventTemplate(data={"a": Slot("long name")})
    name = str(b"long name", "ascii")
    assert template(**{name: 1}).data == {"a": 1}

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            return False

    with pytest.raises(TypeError, match="the template has no slot"):
        template(**{Name("long name"): 1})


@pytest.mark.parametrize("slots", [["text"], "text", 5])
def test_slots_are_a_dict(slots):
    with pytest.raises(TypeError, match="slots must be a dict of names and paths"):
        EventTemplate(data={"text": ""}, slots=slots)
