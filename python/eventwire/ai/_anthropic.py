"""Anthropic's messages: named events, blocks one after another, ``event: ping``.

The shapes are those of ``anthropic.types.RawMessageStreamEvent``; ``event: error`` is what the
SDKs raise ``APIStatusError`` for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from eventwire._core import EventTemplate
from eventwire._template import Slot
from eventwire.ai._items import (
    FinishReason,
    Item,
    ToolCall,
    Usage,
    checked_id,
    checked_int,
    checked_text,
)
from eventwire.ai._stream import EventStream
from eventwire.ai._writer import Event, Events, Writer, type_of, typed

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from eventwire._core import ServerSentEvent
    from eventwire._response import Options

_REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_TEXT = EventTemplate(
    data={
        "type": "content_block_delta",
        "index": Slot("index"),
        "delta": {"type": "text_delta", "text": Slot("text")},
    },
    event="content_block_delta",
)


def anthropic_messages_stream(
    tokens: AsyncIterable[Item] | Iterable[Item],
    *,
    model: str,
    id: str | None = None,
    input_tokens: int = 0,
    describe_error: Callable[[Exception], str] | None = None,
) -> EventStream:
    """Stream an answer as Anthropic's ``POST /v1/messages`` does with ``stream: true``.

    Either text and tool calls, or events that are passed through, not both; only ``ping`` events
    may come anywhere.

    Args:
        tokens: yields text, ``ToolCall``, ``Finish``, or events, which are passed through. The
            pieces of a tool call come one after another. Without usage in ``Finish``, 0 output
            tokens are reported: the protocol demands a number.
        model: name of the model.
        id: of the message; by default a new one.
        input_tokens: what the opening event says; ``Finish`` may correct it.
        describe_error: what the client is told about an exception; by default a constant text.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: ``input_tokens`` is negative; a lone surrogate in ``model`` or ``id``.
    """
    message: dict[str, Any] = {
        "id": checked_id(id, "msg_"),
        "type": "message",
        "role": "assistant",
        "model": checked_text("model", model),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": checked_int("input_tokens", input_tokens), "output_tokens": 0},
    }
    return EventStream(tokens, _MessageWriter(message), describe_error)


class _MessageWriter(Writer):
    # Claude Code complains, and in some versions leaves, after 15 to 20 s without an event.
    options: ClassVar[Options] = {"ping_interval": 10.0, "ping_message": typed({"type": "ping"})}

    def __init__(self, message: dict[str, Any]) -> None:
        super().__init__()
        self._message = message
        self._block = -1  # the index of the last one
        self._is_open = False

    def _start(self, first: Any) -> Events:  # noqa: ARG002
        return [typed({"type": "message_start", "message": self._message})]

    def _open_text(self) -> Events:
        opening = self._open({"type": "text", "text": ""})
        block = self._block

        def delta(text: str) -> Event:
            return _TEXT(index=block, text=text)

        self.delta = delta
        return [opening]

    def _open_call(self, index: int, call: ToolCall) -> Events:  # noqa: ARG002
        return [self._open({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})]

    def _arguments(self, index: int, text: str) -> Events:  # noqa: ARG002
        delta = {"type": "input_json_delta", "partial_json": text}
        return [typed({"type": "content_block_delta", "index": self._block, "delta": delta})]

    def _open(self, block: dict[str, Any]) -> ServerSentEvent:
        self._block += 1
        self._is_open = True
        return typed({"type": "content_block_start", "index": self._block, "content_block": block})

    def _close(self) -> Events:
        super()._close()
        if not self._is_open:
            return []
        self._is_open = False
        return [typed({"type": "content_block_stop", "index": self._block})]

    def _end(self, reason: FinishReason, usage: Usage | None) -> Events:
        counts = {"output_tokens": 0}
        if usage is not None:
            counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
        delta = {"stop_reason": _REASONS[reason], "stop_sequence": None}
        return [
            typed({"type": "message_delta", "delta": delta, "usage": counts}),
            typed({"type": "message_stop"}),
        ]

    def _error(self, message: str) -> Events:
        return [typed({"type": "error", "error": {"type": "api_error", "message": message}})]

    def _is_neutral(self, item: Any) -> bool:
        return type_of(item) == "ping"

    def _name(self, item: Any) -> str | None:
        return type_of(item)

    def _look(self, item: Any) -> None:
        if type_of(item) in ("message_stop", "error"):
            self._foreign_finish = self.finished = True
