"""Objects of the AI SDKs as the SDKs make them from the wire; needs the dependency group `sdk`."""

from __future__ import annotations

import ag_ui.core
import anthropic.types
from anthropic._models import construct_type as construct_anthropic
from openai._models import construct_type as construct_openai
from openai.types.chat import ChatCompletionChunk

from encode.case import Case
from encode.contenders import BY_HAND, COMPACT, by_hand, ours, typed

CHUNK = construct_openai(
    type_=ChatCompletionChunk,
    value={
        "id": "chatcmpl-123",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [
            {"index": 0, "delta": {"content": " hello"}, "logprobs": None, "finish_reason": None}
        ],
    },
)
DELTA = construct_anthropic(
    type_=anthropic.types.RawContentBlockDeltaEvent,
    value={
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": " hello"},
    },
)
AG_UI = ag_ui.core.TextMessageContentEvent(message_id="msg_1", delta=" hello")


def ag_ui_by_hand() -> bytes:
    """Encode by alias, as eventwire does."""
    return f"data: {AG_UI.model_dump_json(by_alias=True)}\n\n".encode()


CASES = [
    Case(
        "openai ChatCompletionChunk",
        typed(ChatCompletionChunk, CHUNK)
        | {BY_HAND: by_hand(CHUNK), "eventwire, untyped": ours(COMPACT, CHUNK)},
        goal=4,
    ),
    Case(
        "anthropic RawContentBlockDeltaEvent",
        typed(anthropic.types.RawContentBlockDeltaEvent, DELTA)
        | {BY_HAND: by_hand(DELTA), "eventwire, untyped": ours(COMPACT, DELTA)},
        goal=4,
    ),
    Case(
        "AG-UI TextMessageContentEvent",
        typed(type(AG_UI), AG_UI)
        | {BY_HAND: ag_ui_by_hand, "eventwire, untyped": ours(COMPACT, AG_UI)},
    ),
]
