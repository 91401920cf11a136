"""Objects of the SDKs that people stream, made as the SDKs make them."""

import functools
import types
import typing
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import ag_ui.core as ag_ui
import anthropic.types
import mcp.types
import openai.types.responses
import pytest
from anthropic._models import construct_type as construct_anthropic
from openai._models import construct_type as construct_openai
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter

from eventwire import Encoder, ServerSentEvent, _fastapi_json
from oracle import differences, outcome

GENERAL = "general path: "

CHUNKS = {
    "delta": {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1751000000,
        "model": "gpt",
        "choices": [{"index": 0, "delta": {"content": "Hé\n"}, "finish_reason": None}],
    },
    "first": {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1751000000,
        "model": "gpt",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None},
        ],
    },
    "tool call": {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1751000000,
        "model": "gpt",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "delta": {
                    "tool_calls": [
                        {"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}
                    ]
                },
            }
        ],
    },
    "usage": {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1751000000,
        "model": "gpt",
        "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    },
}
ODD_CHUNKS = {
    "unknown fields": CHUNKS["delta"]
    | {"obfuscation": "x", "choices": [{"delta": {"thought": 1}}]},
    "fields that do not fit": CHUNKS["delta"] | {"created": "now", "choices": [{"index": "0"}, 5]},
    "other constants": CHUNKS["delta"] | {"object": "chunk", "service_tier": "tomorrow"},
    "nothing": {},
    "no list": {"choices": "none", "usage": []},
}


# Where only some values are legal.
LEGAL = {
    ag_ui.StateDeltaEvent: {"delta": [{"op": "replace", "path": "/a", "value": 1}]},
    ag_ui.ActivityDeltaEvent: {"patch": [{"op": "add", "path": "/a/0", "value": None}]},
    ag_ui.MessagesSnapshotEvent: {"messages": [{"id": "1", "role": "user", "content": "hi"}]},
}
PLAIN = {str: "text ü\n", int: 7, float: 0.5, bool: True, datetime: "2026-01-02T03:04:05Z"}


def payload(annotation, *, full, depth=4):
    """Return JSON-like data for a type: the least that fits, or every field."""
    again = functools.partial(payload, full=full, depth=depth)
    origin, arguments = get_origin(annotation), get_args(annotation)
    data: Any = PLAIN.get(annotation, {"any": [1, None, "x"]})
    if origin is Annotated:
        data = again(arguments[0])
    elif origin is Literal:
        data = arguments[0]
    elif origin in (typing.Union, types.UnionType):
        some = [each for each in arguments if each is not type(None)]
        data = again(some[0]) if full or len(some) == len(arguments) else None
    elif origin is list:
        data = [again(arguments[0])] if depth else []
    elif origin is dict:
        data = {"key": again(arguments[1])} if depth else {}
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        data = {
            field.alias or name: payload(field.annotation, full=full, depth=max(depth - 1, 0))
            for name, field in annotation.model_fields.items()
            if field.is_required() or (full and depth)
        }
    return data


def members(union):
    """Return the classes of a union, however deep they are in it."""
    if isinstance(union, type):
        return [union]
    origin, arguments = get_origin(union), get_args(union)
    if origin is Annotated:
        return members(arguments[0])
    return [cls for argument in arguments for cls in members(argument)]


OPENAI = [ChatCompletionChunk, *members(openai.types.responses.ResponseStreamEvent)]
ANTHROPIC = members(anthropic.types.RawMessageStreamEvent)
MCP = members(mcp.types.JSONRPCMessage)
# A message may name a container and when it expires.
AG_UI = members(ag_ui.Event)


def made_by_sdk(cls, *, full):
    """Return an object as the SDK makes it from what it received."""
    data = payload(cls, full=full)
    if cls in OPENAI:
        return construct_openai(type_=cls, value=data)
    if cls in ANTHROPIC:
        return construct_anthropic(type_=cls, value=data)
    return cls.model_validate(data | LEGAL.get(cls, {}))


def taken_by_plan(value, monkeypatch):
    """Tell whether untyped items and event data of a route are written without FastAPI's help."""

    def refuse(*_):
        raise LookupError

    # What the two general paths call first.
    monkeypatch.setattr(_fastapi_json, "jsonable_encoder", refuse)
    monkeypatch.setattr(_fastapi_json, "hasattr", refuse, raising=False)
    encoder = Encoder._for_route(adapter=None, dump_options={})
    results = [
        outcome(lambda item=item: encoder.encode(item))
        for item in (value, ServerSentEvent(data=value))
    ]
    return all(isinstance(result, bytes) for result, _ in results)


def reasons(item_type):
    """Return the lines of `describe` that say what is not compiled, after the first item."""
    encoder = Encoder(item_type)
    outcome(lambda: encoder.encode(None))  # builds what the SDK builds lazily
    return [line for line in encoder.describe().splitlines() if GENERAL in line]


def name(cls):
    return f"{cls.__module__.partition('.')[0]}-{cls.__name__}"


@pytest.mark.parametrize("full", [False, True], ids=["least", "full"])
@pytest.mark.parametrize("cls", [*OPENAI, *ANTHROPIC, *MCP, *AG_UI], ids=name)
def test_every_event_is_written_as_by_the_general_path(cls, full):
    """Typed, untyped and as event data: the bytes, error and warnings of Pydantic and FastAPI."""
    value = made_by_sdk(cls, full=full)
    assert type(value) is cls
    assert differences(TypeAdapter(cls), value) == []


@pytest.mark.parametrize(
    ("union", "classes"),
    [
        (openai.types.responses.ResponseStreamEvent, OPENAI[1:]),
        (anthropic.types.RawMessageStreamEvent, ANTHROPIC),
        (mcp.types.JSONRPCMessage, MCP),
        (ag_ui.Event, AG_UI),
    ],
    ids=["openai", "anthropic", "mcp", "ag-ui"],
)
def test_every_event_is_written_as_a_member_of_its_union(union, classes):
    """A stream declared as the SDK's union of events is validated and written as by Pydantic."""
    adapter = TypeAdapter(union)
    found = []
    for cls in classes:
        for full in (False, True):
            found += differences(adapter, made_by_sdk(cls, full=full))
    assert found == []


@pytest.mark.parametrize("chunk", [*CHUNKS, *ODD_CHUNKS])
def test_chunks_from_the_wire_are_written_as_by_the_general_path(chunk):
    """`construct` keeps unknown fields and those of a wrong type."""
    data = (CHUNKS | ODD_CHUNKS)[chunk]
    adapter = TypeAdapter(ChatCompletionChunk)
    assert differences(adapter, construct_openai(type_=ChatCompletionChunk, value=data)) == []
    assert differences(adapter, ChatCompletionChunk.construct(**data)) == []


def test_the_events_of_anthropics_stream_helper_are_written_as_by_the_general_path():
    """`client.messages.stream()` yields subclasses of the raw events, with a snapshot."""
    for cls in members(anthropic.types.MessageStreamEvent):
        for full in (False, True):
            value = construct_anthropic(type_=cls, value=payload(cls, full=full))
            assert differences(TypeAdapter(cls), value) == []


@pytest.mark.parametrize("cls", [*OPENAI, *ANTHROPIC, *MCP], ids=name)
def test_events_are_compiled(cls):
    """Nothing of what the SDKs stream is on the general path."""
    assert reasons(cls) == []


@pytest.mark.parametrize("full", [False, True], ids=["least", "full"])
@pytest.mark.parametrize("cls", [*OPENAI, *ANTHROPIC, *MCP], ids=name)
def test_events_are_written_by_their_plans(cls, full, monkeypatch):
    """Compiled is not enough: the object that the SDK makes really takes the plan."""
    assert taken_by_plan(made_by_sdk(cls, full=full), monkeypatch)


@pytest.mark.parametrize("cls", [ChatCompletionChunk, OPENAI[1], ANTHROPIC[0]], ids=name)
def test_describe_builds_what_the_sdk_builds_lazily(cls):
    """What is compiled can be said before the first item."""
    assert Encoder(cls).describe().startswith("item: compiled model ")


@pytest.mark.parametrize("chunk", CHUNKS)
def test_chunks_from_the_wire_are_written_by_their_plan(chunk, monkeypatch):
    """The chunks of a chat without fields unknown to the SDK do not need Pydantic."""
    value = construct_openai(type_=ChatCompletionChunk, value=CHUNKS[chunk])
    assert taken_by_plan(value, monkeypatch)


def test_what_is_not_compiled_is_noticed(monkeypatch):
    """The two tests above can fail."""
    assert not taken_by_plan(iter([1]), monkeypatch)


@pytest.mark.parametrize(
    "union",
    [
        openai.types.responses.ResponseStreamEvent,
        anthropic.types.RawMessageStreamEvent,
        mcp.types.JSONRPCMessage,
    ],
    ids=["openai", "anthropic", "mcp"],
)
def test_the_union_itself_is_compiled(union):
    """A stream declared as the union is validated by Pydantic and written by a plan."""
    assert reasons(union) == []


@pytest.mark.parametrize("cls", AG_UI, ids=name)
def test_ag_ui_falls_back_and_says_why(cls):
    """AG-UI's events have a wrap serializer on the model: Pydantic writes them as a whole."""
    assert reasons(cls) == ["item: general path: a custom serializer"]


def test_a_model_that_is_built_lazily_is_compiled_at_its_first_use():
    """The SDKs defer building: an encoder made before that has its plan from the first item on."""

    class Lazy(openai.BaseModel):
        value: Any = None

    encoder = Encoder(Lazy)
    assert encoder.encode(Lazy.construct(value=1)) == b'data: {"value":1}\n\n'
    assert encoder.describe().startswith("item: compiled model ")
