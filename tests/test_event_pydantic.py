"""The native event as a Pydantic type: field, body, `TypeAdapter`; FastAPI's class is the model."""

import json
from typing import Annotated

import fastapi.sse
import pytest
from fastapi import Body, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, TypeAdapter, ValidationError

import eventwire
from eventwire import Encoder, ServerSentEvent
from test_event import CONVERTED, GOOD, WRONG, label

OURS = TypeAdapter(ServerSentEvent)
THEIRS = TypeAdapter(fastapi.sse.ServerSentEvent)
DUMPABLE = [a for a in GOOD + CONVERTED if a.get("data") == a.get("data")]


def holder(kind):
    """Make a model with fields of this event class; its own name is the same for all."""

    class Holder(BaseModel):
        one: kind
        many: list[kind] = []
        maybe: kind | None = None

    return Holder


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_is_that_of_fastapis_class(mode):
    """Alone and as a field, with FastAPI's own description."""
    assert OURS.json_schema(mode=mode) == THEIRS.json_schema(mode=mode)
    schemas = [
        holder(kind).model_json_schema(mode=mode)
        for kind in (ServerSentEvent, fastapi.sse.ServerSentEvent)
    ]
    assert schemas[0] == schemas[1]


def test_an_instance_is_taken_as_it_is():
    """Validation neither copies nor checks what was checked."""
    event = ServerSentEvent(data=object())
    assert OURS.validate_python(event) is event
    assert OURS.validate_python(event, strict=True) is event
    assert holder(ServerSentEvent)(one=event).one is event


@pytest.mark.parametrize("arguments", DUMPABLE, ids=label)
def test_a_dict_becomes_an_event(arguments):
    """As a model is made of one, with the constructor's conversions."""
    event = OURS.validate_python(arguments)
    assert type(event) is ServerSentEvent
    assert event == ServerSentEvent(**arguments)


@pytest.mark.newest
@pytest.mark.parametrize("arguments", WRONG, ids=label)
def test_a_wrong_dict_gives_the_errors_of_fastapis_class(arguments):
    """The same types, messages and locations, also inside a model."""
    errors = []
    for kind in (ServerSentEvent, fastapi.sse.ServerSentEvent):
        with pytest.raises(ValidationError) as caught:
            holder(kind)(one=arguments)
        errors.append([[e["type"], e["loc"], e["msg"]] for e in caught.value.errors()])
    assert errors[0] == errors[1]


@pytest.mark.parametrize("value", [1, "x", None, [], ServerSentEvent, {"retry": "x"}], ids=repr)
def test_anything_else_is_refused(value):
    """With Pydantic's error for a model, or for the field."""
    for kind in (OURS, THEIRS):
        with pytest.raises(ValidationError):
            kind.validate_python(value)


def test_a_dict_may_have_other_keys():
    """As for FastAPI's class; the constructor refuses them."""
    assert OURS.validate_python({"evnet": 1, "id": "1"}) == ServerSentEvent(id="1")


def test_json_becomes_an_event():
    """`validate_json` works as for a model, in strict mode, too."""
    text = '{"data": {"a": [1]}, "event": "e", "retry": 5}'
    for strict in (False, True):
        event = OURS.validate_json(text, strict=strict)
        assert event == ServerSentEvent(data={"a": [1]}, event="e", retry=5)


@pytest.mark.parametrize("arguments", DUMPABLE, ids=label)
@pytest.mark.parametrize("options", [{}, {"exclude_none": True}, {"include": {"id", "data"}}])
def test_it_is_dumped_as_fastapis_class_is(arguments, options):
    """To the dict of its fields; `data` by its own type."""
    ours, theirs = ServerSentEvent(**arguments), fastapi.sse.ServerSentEvent(**arguments)
    assert OURS.dump_python(ours, **options) == THEIRS.dump_python(theirs, **options)
    assert OURS.dump_json(ours, **options) == THEIRS.dump_json(theirs, **options)


def test_fields_that_are_none_are_unset():
    """A native event does not keep which of them were given as None."""
    event = ServerSentEvent(data=0, event=None)
    assert OURS.dump_python(event, exclude_unset=True) == {"data": 0}


def test_a_smuggled_value_is_dumped_with_pydantics_warning():
    """What `model_construct` let in is the model's affair."""
    model = holder(ServerSentEvent).model_construct(one=5)
    with pytest.warns(UserWarning, match="serializer warnings"):
        assert model.model_dump() == {"one": 5, "many": [], "maybe": None}


def test_a_model_with_events_is_copied_and_compared():
    """Deep copies, equality and round trips through JSON."""
    model = holder(ServerSentEvent)(one={"data": [1]}, many=[ServerSentEvent(id="2")])
    deep = model.model_copy(deep=True)
    assert deep == model
    assert deep.one.data is not model.one.data
    assert type(model).model_validate_json(model.model_dump_json()) == model
    assert model != holder(ServerSentEvent)(one={"data": [2]})


@pytest.mark.newest
def test_a_body_and_a_response_of_a_fastapi_route():
    """Documented, validated and returned as FastAPI's class is; what is no model needs `Body`."""

    def answers(kind):
        app = FastAPI()

        @app.post("/")
        async def echo(event: Annotated[kind, Body()]) -> kind:
            assert type(event) is kind
            return event

        client = TestClient(app)
        bodies = ({"data": {"a": 1}, "event": "e"}, {"event": "a\nb"}, {"retry": -1}, [])
        replies = [client.post("/", json=body) for body in bodies]
        return [(reply.status_code, reply.json()) for reply in replies], app.openapi()

    ours, theirs = answers(ServerSentEvent), answers(fastapi.sse.ServerSentEvent)
    assert ours == theirs
    assert [status for status, _ in ours[0]] == [200, 422, 422, 422]


def test_an_encoder_of_events_takes_them_as_events():
    """A dict is an item like any other, validated and written as JSON."""
    encoder = Encoder(eventwire.ServerSentEvent)
    assert encoder.encode(ServerSentEvent(raw_data="x", id="1")) == b"data: x\nid: 1\n\n"
    frame = encoder.encode({"event": "e"})
    assert json.loads(frame.removeprefix(b"data: "))["event"] == "e"
