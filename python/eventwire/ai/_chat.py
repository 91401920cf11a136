"""OpenAI's chat completions: chunks without names, ``[DONE]`` at the end.

The shapes are those of ``openai.types.chat.ChatCompletionChunk``; errors are what the SDKs raise
``APIError`` for: a payload with ``error``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from eventwire._core import EventTemplate, ServerSentEvent
from eventwire._template import Slot
from eventwire.ai._items import (
    FinishReason,
    Item,
    ToolCall,
    Usage,
    checked_id,
    checked_int,
    checked_text,
    field,
)
from eventwire.ai._stream import EventStream
from eventwire.ai._writer import Event, Events, Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from eventwire._response import Options

DONE = "[DONE]"

_BASE = {
    "id": Slot("id"),
    "object": "chat.completion.chunk",
    "created": Slot("created"),
    "model": Slot("model"),
}
_CHOICE = {"index": 0, "delta": {"content": Slot("content")}, "finish_reason": None}
_TEXT = EventTemplate(data={**_BASE, "choices": [_CHOICE]})
_TEXT_BEFORE_USAGE = EventTemplate(data={**_BASE, "choices": [_CHOICE], "usage": None})


def openai_chat_stream(
    tokens: AsyncIterable[Item] | Iterable[Item],
    *,
    model: str,
    id: str | None = None,
    created: int | None = None,
    include_usage: bool = False,
    describe_error: Callable[[Exception], str] | None = None,
) -> EventStream:
    """Stream an answer as OpenAI's ``POST /v1/chat/completions`` does with ``stream: true``.

    Chunks that are passed through may stand among text; an answer that was opened by one must be
    finished by one, unless there is text, too.

    Args:
        tokens: yields text, ``ToolCall``, ``Finish``, or chunks, which are passed through.
        model: name of the model, in each chunk.
        id: of the completion; by default a new one.
        created: Unix time in seconds; by default now.
        include_usage: the request's ``stream_options.include_usage``: a last chunk with the usage
            that ``Finish`` has, and ``"usage": null`` in the others.
        describe_error: what the client is told about an exception; by default a constant text.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: ``created`` is negative; a lone surrogate in ``model`` or ``id``.
    """
    if not isinstance(include_usage, bool):
        raise TypeError(f"include_usage must be a bool, not {include_usage!r}")
    base: dict[str, Any] = {
        "id": checked_id(id, "chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()) if created is None else checked_int("created", created),
        "model": checked_text("model", model),
    }
    return EventStream(tokens, _ChatWriter(base, include_usage=include_usage), describe_error)


class _ChatWriter(Writer):
    # A blank line after a comment is the end of an event for @microsoft/fetch-event-source, and
    # for the openai SDK once it has seen an id.
    options: ClassVar[Options] = {"ping_single_newline": True}
    _interleaves = True
    _mixes = True

    def __init__(self, base: dict[str, Any], *, include_usage: bool) -> None:
        super().__init__()
        self._base = base
        self._include_usage = include_usage
        self._tail = {"usage": None} if include_usage else {}
        self._choices: dict[Any, bool] = {}  # passed through; index: whether it is finished
        self._foreign_error = False
        self._without_arguments: set[int] = set()

    def _chunk(self, delta: dict[str, Any], reason: FinishReason | None = None) -> ServerSentEvent:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return ServerSentEvent(data={**self._base, "choices": [choice], **self._tail})

    def _start(self, first: Any) -> Events:
        content = None if isinstance(first, ToolCall) else ""
        return [self._chunk({"role": "assistant", "content": content})]

    def _open_text(self) -> Events:
        template = _TEXT_BEFORE_USAGE if self._include_usage else _TEXT
        base = self._base
        which, created, model = base["id"], base["created"], base["model"]

        def delta(text: str) -> Event:
            return template(id=which, created=created, model=model, content=text)

        self.delta = delta
        return []

    def _open_call(self, index: int, call: ToolCall) -> Events:
        self._without_arguments.add(index)
        function = {"name": call.name, "arguments": ""}
        return [self._call_chunk(index, id=call.id, type="function", function=function)]

    def _arguments(self, index: int, text: str) -> Events:
        self._without_arguments.discard(index)
        return [self._call_chunk(index, function={"arguments": text})]

    def _call_chunk(self, index: int, **more: Any) -> ServerSentEvent:
        return self._chunk({"tool_calls": [{"index": index, **more}]})

    def _end(self, reason: FinishReason, usage: Usage | None) -> Events:
        # Clients read the arguments as JSON; a model that calls without any may write none.
        empty = sorted(self._without_arguments)
        events = [event for index in empty for event in self._arguments(index, "{}")]
        events.append(self._chunk({}, reason))
        if self._include_usage and usage is not None:
            counts = {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.input_tokens + usage.output_tokens,
            }
            events.append(ServerSentEvent(data={**self._base, "choices": [], "usage": counts}))
        return [*events, ServerSentEvent(raw_data=DONE)]

    def _error(self, message: str) -> Events:
        error = {"message": message, "type": "server_error", "param": None, "code": None}
        return [ServerSentEvent(data={"error": error})]

    def _look(self, item: Any) -> None:
        if field(item, "error") is not None:
            self.finished = self._foreign_error = True
        for choice in field(item, "choices") or ():
            index = field(choice, "index")
            done = field(choice, "finish_reason") is not None
            self._choices[index] = done or self._choices.get(index, False)
        done = bool(self._choices) and all(self._choices.values())
        self._foreign_finish = done or self._foreign_error

    def _after_foreign(self) -> Events:
        return [] if self._foreign_error else [ServerSentEvent(raw_data=DONE)]
