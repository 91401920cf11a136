"""Streams of all protocols, read as a client reads them."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from eventwire import Encoder
from eventwire.ai import (
    anthropic_messages_stream,
    openai_chat_stream,
    openai_responses_stream,
    ui_message_stream,
)
from receiver import receive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventwire.ai import EventStream


def chat(tokens: Any, **options: Any) -> EventStream:
    return openai_chat_stream(tokens, model="m", id="c", created=1, **options)


def responses(tokens: Any, **options: Any) -> EventStream:
    return openai_responses_stream(tokens, model="m", id="r", created_at=1, **options)


def messages(tokens: Any, **options: Any) -> EventStream:
    return anthropic_messages_stream(tokens, model="m", id="m", **options)


def ui(tokens: Any, **options: Any) -> EventStream:
    return ui_message_stream(tokens, id="u", **options)


PROTOCOLS = {"chat": chat, "responses": responses, "messages": messages, "ui": ui}


ENDS = {
    "chat": ["stop", "[DONE]"],
    "responses": ["response.completed"],
    "messages": ["message_delta", "message_stop"],
    "ui": ["finish-step", "finish", "[DONE]"],
}
ERRORS = {
    "chat": ["error"],
    "responses": ["response.failed"],
    "messages": ["error"],
    "ui": ["error", "finish-step", "finish", "[DONE]"],
}


class Tokens:
    """An async iterator over items; an exception among them is raised. It counts closings."""

    def __init__(self, *items: Any):
        self.items = list(items)
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.closed or not self.items:
            raise StopAsyncIteration
        item = self.items.pop(0)
        if isinstance(item, BaseException):
            raise item
        return item

    async def aclose(self):
        self.closed += 1


def sync_tokens(items: Iterable[Any]):
    """The same as a sync generator."""
    for item in items:
        if isinstance(item, BaseException):
            raise item
        yield item


async def _read(stream: EventStream) -> bytes:
    encode = Encoder().encode
    return b"".join([encode(event) async for event in stream])


def read(stream: EventStream) -> list[tuple[str, Any]]:
    """Read a stream to its end: (name, payload) of each event; text that is no JSON as it is."""
    body = asyncio.run(asyncio.wait_for(_read(stream), 20))
    return parsed(body)


def parsed(body: bytes) -> list[tuple[str, Any]]:
    """Return name and payload of each event; nothing may be left over."""
    assert not body or body.endswith(b"\n\n")
    return [(message.type, _payload(message.data)) for message in receive(body).messages]


def _payload(data: str) -> Any:
    return data if data == "[DONE]" else json.loads(data)


def without_random_ids(text: str) -> str:
    """Leave out the ids that the items of a response have."""
    return re.sub(r"(msg|fc)_[0-9a-f]{24}", r"\1", text)


def names(stream: EventStream) -> list[str]:
    """Return what each event is."""
    return [kind(name, payload) for name, payload in read(stream)]


def kind(name: str, payload: Any) -> str:
    """Return the word that says what an event is."""
    if payload == "[DONE]":
        return "[DONE]"
    if name != "message":
        assert payload["type"] == name
        return name
    if "type" in payload:
        return payload["type"]
    if "error" in payload:
        return "error"
    if not payload["choices"]:
        return "usage"
    choice = payload["choices"][0]
    return choice["finish_reason"] or "+".join(choice["delta"])


def text_of(events: list[tuple[str, Any]]) -> str:
    """Return the text that a client puts together."""
    parts = []
    for _, payload in events:
        if not isinstance(payload, dict):
            continue
        if payload.get("choices"):
            parts.append(payload["choices"][0]["delta"].get("content") or "")
        delta = payload.get("delta")
        if isinstance(delta, str) and payload["type"] in (
            "text-delta",
            "response.output_text.delta",
        ):
            parts.append(delta)
        if isinstance(delta, dict):
            parts.append(delta.get("text", ""))
    return "".join(parts)


def ends_with_error(protocol, events):
    expected = ERRORS[protocol]
    kinds = [kind(*event) for event in events if kind(*event) != "text-end"]
    return kinds[-len(expected) :] == expected


class SDKStream:
    """Like the stream of an SDK: an iterable with ``close``, whose iterator is another object."""

    def __init__(self, *items):
        self.items, self.closed = items, 0

    async def __aiter__(self):
        for item in self.items:
            yield item

    async def close(self):
        self.closed += 1


class SyncSDKStream:
    def __init__(self, *items):
        self.items, self.closed = items, 0

    def __iter__(self):
        yield from self.items

    def close(self):
        self.closed += 1
