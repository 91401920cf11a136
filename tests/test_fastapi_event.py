"""`eventwire.fastapi.ServerSentEvent`: FastAPI's Pydantic model, constructed natively."""

import copy
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import AsyncIterable

import fastapi.sse
import pytest
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, TypeAdapter, ValidationError, computed_field, field_validator

import eventwire.fastapi
from eventwire import Encoder
from eventwire.fastapi import KEEPALIVE_COMMENT, ServerSentEvent, format_sse_event
from test_event import CONVERTED, FIELDS, GOOD, WRONG, Item, Text, label

THEIRS = fastapi.sse.ServerSentEvent
ACCEPTED = GOOD + CONVERTED + [{"event": None, "id": "1"}, dict.fromkeys(FIELDS)]
COMPARABLE = [a for a in ACCEPTED if a.get("data") == a.get("data")]
accepted = pytest.mark.parametrize("arguments", ACCEPTED, ids=label)
comparable = pytest.mark.parametrize("arguments", COMPARABLE, ids=label)


def state(event):
    """All that Pydantic keeps in an instance, with the types of the values."""
    return (
        [(name, type(value), value) for name, value in event.__dict__.items()],
        event.__pydantic_fields_set__,
        event.__pydantic_extra__,
        event.__pydantic_private__,
    )


@comparable
def test_an_instance_is_as_pydantic_leaves_it(arguments):
    """Fields in their order, the set of the given ones, extra and private."""
    ours, theirs = ServerSentEvent(**arguments), THEIRS(**arguments)
    assert type(ours) is ServerSentEvent
    assert state(ours) == state(theirs)
    assert ours == ServerSentEvent.model_validate(arguments)
    assert type(ours.__pydantic_fields_set__) is set
    backwards = ServerSentEvent(**dict(reversed(arguments.items())))
    assert state(backwards) == state(ours)


@pytest.mark.newest
@pytest.mark.parametrize("arguments", WRONG, ids=label)
def test_a_wrong_argument_gives_fastapis_error(arguments):
    """Word for word, inputs included."""
    messages = []
    for model in (ServerSentEvent, THEIRS):
        with pytest.raises(ValidationError) as caught:
            model(**dict(reversed(arguments.items())))
        messages.append((str(caught.value), caught.value.title))
    assert messages[0] == messages[1]


def test_only_keyword_arguments_and_unknown_ones_ignored():
    """As Pydantic has it."""
    with pytest.raises(TypeError) as ours:
        ServerSentEvent("x")
    with pytest.raises(TypeError) as theirs:
        THEIRS("x")
    assert str(ours.value) == str(theirs.value)
    assert state(ServerSentEvent(evnet=1, id="1")) == state(THEIRS(evnet=1, id="1"))
    assert inspect.signature(ServerSentEvent) == inspect.signature(THEIRS)


def test_instances_do_not_share_their_state():
    """Each has a dict and a set of its own."""
    first, second = ServerSentEvent(), ServerSentEvent()
    first.event = "e"
    assert (second.event, second.model_fields_set) == (None, set())
    assert (first.event, first.model_fields_set) == ("e", {"event"})
    assert ServerSentEvent().event is None
    arguments = {"data": 1}
    ServerSentEvent(**arguments).id = "x"
    assert arguments == {"data": 1}


@comparable
def test_it_does_what_the_model_does(arguments):
    """Dumps, JSON, repr, iteration, copies, pickles."""
    ours, theirs = ServerSentEvent(**arguments), THEIRS(**arguments)
    assert repr(ours) == repr(theirs)
    assert str(ours) == str(theirs)
    assert dict(ours) == dict(theirs)
    for options in ({}, {"exclude_unset": True}, {"exclude_none": True}):
        assert ours.model_dump(**options) == theirs.model_dump(**options)
        assert ours.model_dump_json(**options) == theirs.model_dump_json(**options)
    assert jsonable_encoder(ours) == jsonable_encoder(theirs)
    for again in (
        copy.copy(ours),
        copy.deepcopy(ours),
        ours.model_copy(),
        ours.model_copy(deep=True),
        *(pickle.loads(pickle.dumps(ours, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert type(again) is ServerSentEvent
        assert again == ours
        assert again.model_fields_set == ours.model_fields_set


def test_the_schema_is_fastapis():
    """Title, description, fields and their order."""
    assert ServerSentEvent.__name__ == "ServerSentEvent"
    for mode in ("validation", "serialization"):
        ours = ServerSentEvent.model_json_schema(mode=mode)
        assert json.dumps(ours) == json.dumps(THEIRS.model_json_schema(mode=mode))
    assert list(ServerSentEvent.model_fields) == list(THEIRS.model_fields)
    assert issubclass(ServerSentEvent, THEIRS)


def test_equality_is_pydantics():
    """By fields within a class; models of different classes are never equal."""
    for field in FIELDS:
        value = 5 if field == "retry" else "5"
        assert ServerSentEvent(**{field: value}) == ServerSentEvent(**{field: value})
        assert ServerSentEvent(**{field: value}) != ServerSentEvent()
        assert ServerSentEvent(**{field: value}) != THEIRS(**{field: value})
        assert THEIRS(**{field: value}) != ServerSentEvent(**{field: value})
    with pytest.raises(TypeError, match="unhashable"):
        hash(ServerSentEvent())


def test_a_field_of_this_type_takes_both_ways_of_construction():
    """Native instances pass validation as they are; dicts are validated."""

    class Holder(BaseModel):
        event: ServerSentEvent

    event = ServerSentEvent(data=1, event="e")
    assert Holder(event=event).event is event
    assert type(Holder(event={"id": "1"}).event) is ServerSentEvent
    assert TypeAdapter(list[ServerSentEvent]).validate_python([event])[0] is event
    assert TypeAdapter(THEIRS).validate_python(event) is event
    with pytest.raises(ValidationError, match="null characters"):
        Holder(event={"id": "a\0b"})


class Mine(ServerSentEvent):
    """A user's event."""

    data: Item
    trace: int = 7
    event: str | None = "mine"

    @field_validator("comment")
    @classmethod
    def _shout(cls, comment):
        return comment and comment.upper()

    @computed_field
    @property
    def twice(self) -> int:
        return self.trace * 2

    def model_post_init(self, context):
        self.retry = 9


def test_a_subclass_is_constructed_by_pydantic():
    """New fields, defaults, validators, computed fields and hooks work."""
    event = Mine(data={"name": "x"}, comment="hush", trace="3")
    assert type(event) is Mine
    assert event.data == Item(name="x")
    assert (event.comment, event.trace, event.twice, event.retry) == ("HUSH", 3, 6, 9)
    assert pickle.loads(pickle.dumps(event)) == event
    assert Encoder().encode(event) == b': HUSH\nevent: mine\ndata: {"name":"x"}\nretry: 9\n\n'
    with pytest.raises(ValidationError, match="Field required"):
        Mine()


def test_a_subclass_may_replace_init_and_new():
    """Whatever it does in them; only the class itself is constructed natively."""

    class Positional(ServerSentEvent):
        def __init__(self, data, /, **fields):
            super().__init__(data=data, **fields)

    class Counting(ServerSentEvent):
        def __new__(cls, **fields):
            made.append(fields)
            return super().__new__(cls)

    made = []
    assert Positional(1, id="a") == Positional.model_construct(data=1, id="a")
    assert Counting(id="1").id == "1"
    assert made == [{"id": "1"}]


def test_a_subclass_that_answers_differently_is_written_so():
    """The frame shows what the attributes give, not what the instance dict holds."""

    class Stamped(ServerSentEvent):
        def __getattribute__(self, name):
            return f"stamp {self.id}" if name == "event" else super().__getattribute__(name)

    assert Encoder().encode(Stamped(id="1")) == b"event: stamp 1\nid: 1\n\n"


def test_str_and_int_subclasses_are_converted():
    """An instance holds exact types, as after validation."""
    event = ServerSentEvent(event=Text("e"), retry=True)
    assert type(event.event) is str
    assert type(event.retry) is int


def test_a_pickle_loads_where_nothing_is_imported_yet():
    """It names `eventwire.fastapi`."""
    pickled = pickle.dumps(ServerSentEvent(data=[1], event="e"))
    program = f"import pickle; print(repr(pickle.loads({pickled!r})))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == repr(ServerSentEvent(data=[1], event="e"))


def test_the_type_of_an_annotation_is_fastapis():
    """FastAPI recognises streams of it by `issubclass`."""
    assert AsyncIterable[ServerSentEvent].__args__ == (eventwire.fastapi.ServerSentEvent,)
    assert isinstance(ServerSentEvent(), THEIRS)


LEGAL = [a for a in GOOD if "data" not in a] + [{"retry": 2**64}]


@pytest.mark.newest
@pytest.mark.parametrize("arguments", LEGAL, ids=label)
def test_format_sse_event_gives_fastapis_bytes(arguments):
    """For every legal field, whichever FastAPI is installed."""
    arguments = {name.replace("raw_", "data_str")[:8]: v for name, v in arguments.items()}
    assert format_sse_event(**arguments) == fastapi.sse.format_sse_event(**arguments)


def test_format_sse_event_has_fastapis_signature():
    """Keyword arguments with the same names and defaults."""

    def shape(function):
        return [
            (p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()
        ]

    assert shape(format_sse_event) == shape(fastapi.sse.format_sse_event)
    with pytest.raises(TypeError):
        format_sse_event("x")


def test_the_keepalive_comment_is_fastapis():
    """People send it themselves."""
    assert KEEPALIVE_COMMENT == fastapi.sse.KEEPALIVE_COMMENT == b": ping\n\n"


def test_a_fastapi_whose_event_has_another_field_makes_its_events_itself():
    """The native constructor would leave the field out."""
    program = """if True:
        import fastapi.sse

        class Event(fastapi.sse.ServerSentEvent):
            more: int = 5

        fastapi.sse.ServerSentEvent = Event
        from eventwire.fastapi import ServerSentEvent

        print(ServerSentEvent(data=1).more)
    """
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "5\n"


class Dumping:
    """Data that writes its own JSON, or something else."""

    def __init__(self, json):
        self.json = json

    def model_dump_json(self):
        return self.json


def test_json_of_event_data_may_be_bytes():
    """FastAPI fails to split them."""
    encoder = Encoder(dialect="spaced")
    assert encoder.encode(ServerSentEvent(data=Dumping("é"))) == "data: é\n\n".encode()
    assert encoder.encode(ServerSentEvent(data=Dumping("é".encode()))) == "data: é\n\n".encode()


@pytest.mark.parametrize("json", [None, 5, ["a"]])
def test_json_of_event_data_that_is_no_text_is_a_type_error(json):
    """FastAPI writes an event without data for None, and has an AttributeError for the others."""
    spaced = Encoder(dialect="spaced")
    with pytest.raises(TypeError, match="must return str or bytes"):
        spaced.encode(ServerSentEvent(data=Dumping(json)))
