"""OpenAI's responses: named and numbered events, no ``[DONE]``.

The shapes are those of ``openai.types.responses.ResponseStreamEvent``. An answer that fails ends
with ``response.failed``.
"""

from __future__ import annotations

import time
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
    field,
    new_id,
)
from eventwire.ai._stream import EventStream
from eventwire.ai._writer import Event, Events, Writer, type_of, typed

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from eventwire._core import ServerSentEvent
    from eventwire._response import Options

_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
_TEXT = EventTemplate(
    data={
        "type": "response.output_text.delta",
        "sequence_number": Slot("number"),
        "item_id": Slot("item"),
        "output_index": Slot("output"),
        "content_index": 0,
        "delta": Slot("text"),
        "logprobs": [],
    },
    event="response.output_text.delta",
)


def openai_responses_stream(
    tokens: AsyncIterable[Item] | Iterable[Item],
    *,
    model: str,
    id: str | None = None,
    created_at: int | None = None,
    describe_error: Callable[[Exception], str] | None = None,
) -> EventStream:
    """Stream an answer as OpenAI's ``POST /v1/responses`` does with ``stream: true``.

    Either text and tool calls, or events that are passed through, not both.

    Args:
        tokens: yields text, ``ToolCall``, ``Finish``, or events, which are passed through. The
            pieces of a tool call come one after another.
        model: name of the model.
        id: of the response; by default a new one.
        created_at: Unix time in seconds; by default now.
        describe_error: what the client is told about an exception; by default a constant text.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: ``created_at`` is negative; a lone surrogate in ``model`` or ``id``.
    """
    response: dict[str, Any] = {
        "id": checked_id(id, "resp_"),
        "object": "response",
        "created_at": int(
            time.time() if created_at is None else checked_int("created_at", created_at)
        ),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": checked_text("model", model),
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }
    return EventStream(tokens, _ResponseWriter(response), describe_error)


class _ResponseWriter(Writer):
    options: ClassVar[Options] = {"ping_single_newline": True}  # see _chat.py

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__()
        self._response = response
        self._number = 0
        self._output: list[dict[str, Any]] = []  # finished items
        self._item: dict[str, Any] | None = None  # the open one
        self._pieces: list[str] = []  # its text or arguments

    def _event(self, name: str, /, **fields: Any) -> ServerSentEvent:
        payload = {"type": name, "sequence_number": self._number, **fields}
        self._number += 1
        return typed(payload)

    def _start(self, first: Any) -> Events:  # noqa: ARG002
        return [
            self._event("response.created", response=self._response),
            self._event("response.in_progress", response=self._response),
        ]

    def _open_text(self) -> Events:
        item = {"id": new_id("msg_"), "type": "message", "status": "in_progress"}
        events = self._open({**item, "role": "assistant", "content": []})
        where = self._where(content_index=0)
        part = _text_part("")
        events.append(self._event("response.content_part.added", **where, part=part))
        piece = self._pieces.append
        item_id, output = where["item_id"], where["output_index"]

        def delta(text: str) -> Event:
            piece(text)
            number = self._number
            self._number = number + 1
            return _TEXT(number=number, item=item_id, output=output, text=text)

        self.delta = delta
        return events

    def _open_call(self, index: int, call: ToolCall) -> Events:  # noqa: ARG002
        item = {"id": new_id("fc_"), "type": "function_call", "status": "in_progress"}
        return self._open({**item, "call_id": call.id, "name": call.name, "arguments": ""})

    def _arguments(self, index: int, text: str) -> Events:  # noqa: ARG002
        self._pieces.append(text)
        name = "response.function_call_arguments.delta"
        return [self._event(name, **self._where(), delta=text)]

    def _open(self, item: dict[str, Any]) -> Events:
        self._item = item
        self._pieces = []
        number = len(self._output)
        return [self._event("response.output_item.added", output_index=number, item=item)]

    def _where(self, **more: Any) -> dict[str, Any]:
        assert self._item is not None
        return {"item_id": self._item["id"], "output_index": len(self._output), **more}

    def _close(self) -> Events:
        super()._close()
        if self._item is None:
            return []
        events: Events = []
        if self._item["type"] == "function_call" and not self._pieces:
            # Clients read the arguments as JSON; a model that calls without any may write none.
            events = self._arguments(0, "{}")
        text = "".join(self._pieces)
        done = self._closed("completed")
        if done["type"] == "message":
            where = self._where(content_index=0)
            part = done["content"][0]
            events += [
                self._event("response.output_text.done", **where, text=text, logprobs=[]),
                self._event("response.content_part.done", **where, part=part),
            ]
        else:
            where = self._where()
            name = "response.function_call_arguments.done"
            events.append(self._event(name, **where, name=done["name"], arguments=text))
        number = len(self._output)
        events.append(self._event("response.output_item.done", output_index=number, item=done))
        self._output.append(done)
        self._item = None
        return events

    def _closed(self, status: str) -> dict[str, Any]:
        """Return the open item as it stands at its end."""
        assert self._item is not None
        text = "".join(self._pieces)
        if self._item["type"] == "message":
            return {**self._item, "status": status, "content": [_text_part(text)]}
        return {**self._item, "status": status, "arguments": text}

    def _end(self, reason: FinishReason, usage: Usage | None) -> Events:
        why = _INCOMPLETE.get(reason)
        status = "completed" if why is None else "incomplete"
        response = {
            **self._response,
            "status": status,
            "incomplete_details": None if why is None else {"reason": why},
            "output": list(self._output),
            "usage": None if usage is None else _usage(usage),
        }
        return [self._event(f"response.{status}", response=response)]

    def _error(self, message: str) -> Events:
        # The SDKs refuse a stream that begins with anything but response.created.
        events = [] if self.started else self._start(None)
        output = list(self._output)
        if self._item is not None:
            output.append(self._closed("incomplete"))
        error = {"code": "server_error", "message": message}
        response = {**self._response, "status": "failed", "error": error, "output": output}
        return [*events, self._event("response.failed", response=response)]

    def _name(self, item: Any) -> str | None:
        return type_of(item)

    def _look(self, item: Any) -> None:
        name = type_of(item)
        ends = ("response.completed", "response.failed", "response.incomplete", "error")
        if name in ends:
            self._foreign_finish = self.finished = True
        # Of what goes on from here, should it be an error of ours.
        number, response = field(item, "sequence_number"), field(item, "response")
        if isinstance(number, int):
            self._number = number + 1
        for key in ("id", "model"):
            if isinstance(value := field(response, key), str):
                self._response = {**self._response, key: value}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> dict[str, Any]:
    # The SDK's types demand the details.
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
