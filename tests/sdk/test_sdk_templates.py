"""Token deltas of the SDKs' own classes by template: filled into constant bytes, and right."""

import copy

import ag_ui.core as ag_ui
import anthropic.types
import openai.types.responses
import pytest
from anthropic._models import construct_type as construct_anthropic
from openai._models import construct_type as construct_openai
from openai.types.chat import ChatCompletionChunk

from eventwire import Encoder, EventTemplate, ServerSentEvent, Slot

CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1751000000,
    "model": "gpt",
    "service_tier": "default",
    "choices": [{"index": 0, "delta": {"content": ""}, "logprobs": None, "finish_reason": None}],
}
DELTA = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": ""},
}
RESPONSE = {
    "type": "response.output_text.delta",
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "",
    "sequence_number": 1,
    "logprobs": [],
}
TOKENS = (" hello", 'né\n\u2028"', "")
CASES = {
    "openai chat": (
        lambda: construct_openai(type_=ChatCompletionChunk, value=copy.deepcopy(CHUNK)),
        ("choices", 0, "delta", "content"),
    ),
    "openai chat, finished": (
        lambda: construct_openai(type_=ChatCompletionChunk, value=copy.deepcopy(CHUNK)),
        ("choices", 0, "finish_reason"),
    ),
    "openai responses": (
        lambda: construct_openai(
            type_=openai.types.responses.ResponseTextDeltaEvent, value=copy.deepcopy(RESPONSE)
        ),
        ("delta",),
    ),
    "anthropic": (
        lambda: construct_anthropic(
            type_=anthropic.types.RawContentBlockDeltaEvent, value=copy.deepcopy(DELTA)
        ),
        ("delta", "text"),
    ),
}


def ag_ui_event(delta):
    return ag_ui.TextMessageContentEvent(message_id="m", delta=delta)


def put(payload, path, value):
    *above, last = path
    for step in above:
        payload = payload[step] if isinstance(step, int) else getattr(payload, step)
    payload.__dict__[last] = value


def never(slot, memo):
    raise AssertionError("the payload was put together")


@pytest.mark.parametrize(("make", "path"), CASES.values(), ids=CASES)
def test_a_token_delta_of_an_sdk_is_filled_in(make, path, monkeypatch):
    """Lazily built classes, extra fields, tagged unions: all of them the fast way."""
    template = EventTemplate(data=make(), event="delta", slots={"token": path})
    for encoder in (Encoder(), Encoder(dialect="spaced"), Encoder(escape_line_separators=True)):
        encoder.encode(template(token="stop"))
        for token in TOKENS if path[-1] != "finish_reason" else ("stop", None):
            whole = make()
            put(whole, path, token)
            expected = encoder.encode(ServerSentEvent(data=whole, event="delta"))
            with monkeypatch.context() as patch:
                patch.setattr(Slot, "__deepcopy__", never)
                assert encoder.encode(template(token=token)) == expected


def test_an_event_of_ag_ui_is_right():
    """Its serializer may do anything: the whole payload is put together."""
    template = EventTemplate(data=ag_ui_event("x"), slots={"token": "delta"})
    for encoder in (Encoder(), Encoder(dialect="spaced")):
        expected = encoder.encode(ServerSentEvent(data=ag_ui_event(" hello")))
        assert encoder.encode(template(token=" hello")) == expected
