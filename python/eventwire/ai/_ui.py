"""The AI SDK's UI message stream, version 1: what its ``useChat`` and ``readUIMessageStream`` read.

The shapes are those of ``uiMessageChunkSchema`` in the npm package ``ai``: events without names,
``[DONE]`` at the end, and a header that names the version.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from eventwire._core import EventTemplate, ServerSentEvent
from eventwire._template import Slot
from eventwire.ai._items import FinishReason, Item, ToolCall, Usage, checked_id, field
from eventwire.ai._stream import EventStream
from eventwire.ai._writer import Event, Events, Writer, type_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from eventwire._response import Options

DONE = "[DONE]"

_TEXT = EventTemplate(data={"type": "text-delta", "id": Slot("id"), "delta": Slot("delta")})


def ui_message_stream(
    tokens: AsyncIterable[Item] | Iterable[Item],
    *,
    id: str | None = None,
    describe_error: Callable[[Exception], str] | None = None,
) -> EventStream:
    """Stream an answer to the AI SDK's UI, with ``x-vercel-ai-ui-message-stream: v1``.

    Chunks that are passed through (``data-…``, sources, tool outputs) may stand among text. An
    answer that was opened by a passed ``start`` must be finished by a ``finish`` or an ``abort``,
    unless there is text, too.

    Args:
        tokens: yields text, ``ToolCall``, ``Finish``, or chunks, which are passed through. The
            pieces of a tool call come one after another; its whole input is sent when it is
            complete. The protocol has no place for usage.
        id: of the message; by default a new one.
        describe_error: what the client is told about an exception; by default a constant text.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: a lone surrogate in ``id``.
    """
    return EventStream(tokens, _UIWriter(checked_id(id, "msg-")), describe_error)


class _UIWriter(Writer):
    options: ClassVar[Options] = {"ping_single_newline": True}  # see _chat.py
    headers: ClassVar[dict[str, str]] = {"x-vercel-ai-ui-message-stream": "v1"}
    _mixes = True

    def __init__(self, message_id: str) -> None:
        super().__init__()
        self._message_id = message_id
        self._texts = 0
        self._text_is_open = False
        self._open: ToolCall | None = None
        self._pieces: list[str] = []

    def _start(self, first: Any) -> Events:  # noqa: ARG002
        return [_chunk("start", messageId=self._message_id), _chunk("start-step")]

    def _open_text(self) -> Events:
        self._texts += 1
        part = f"text-{self._texts}"

        def delta(text: str) -> Event:
            return _TEXT(id=part, delta=text)

        self.delta = delta
        self._text_is_open = True
        return [_chunk("text-start", id=part)]

    def _open_call(self, index: int, call: ToolCall) -> Events:  # noqa: ARG002
        self._open = call
        self._pieces = []
        return [_chunk("tool-input-start", toolCallId=call.id, toolName=call.name)]

    def _arguments(self, index: int, text: str) -> Events:  # noqa: ARG002
        assert self._open is not None
        self._pieces.append(text)
        return [_chunk("tool-input-delta", toolCallId=self._open.id, inputTextDelta=text)]

    def _close(self) -> Events:
        super()._close()
        if self._text_is_open:
            self._text_is_open = False
            return [_chunk("text-end", id=f"text-{self._texts}")]
        if self._open is None:
            return []
        call, self._open = self._open, None
        which = {"toolCallId": call.id, "toolName": call.name}
        text = "".join(self._pieces)
        try:
            # A model that calls a tool without arguments may write none.
            value = json.loads(text) if text.strip() else {}
        except ValueError:
            error = "The arguments of the tool call are not JSON."
            return [_chunk("tool-input-error", **which, input=text, errorText=error)]
        return [_chunk("tool-input-available", **which, input=value)]

    def _end(self, reason: FinishReason, usage: Usage | None) -> Events:  # noqa: ARG002
        return [
            _chunk("finish-step"),
            _chunk("finish", finishReason=reason.replace("_", "-")),
            ServerSentEvent(raw_data=DONE),
        ]

    def _error(self, message: str) -> Events:
        events = [_chunk("error", errorText=message)]
        if self.started:
            if self._text_is_open:
                events.append(_chunk("text-end", id=f"text-{self._texts}"))
            events += [_chunk("finish-step"), _chunk("finish", finishReason="error")]
        return [*events, ServerSentEvent(raw_data=DONE)]

    def _opens(self, item: Any) -> bool:
        return type_of(item) == "start"

    def _before(self, item: Any) -> Events:
        """Close what is open where its end would be refused after the item.

        That is: before the end of a step or of the answer, and before more about the open call.
        """
        name = type_of(item)
        if self._open is not None and field(item, "toolCallId") == self._open.id:
            if name in ("tool-input-available", "tool-input-error"):
                self._open = None  # the item closes it
            return self._close()
        return self._close() if name in ("finish-step", "finish", "abort") else []

    def _look(self, item: Any) -> None:
        name = type_of(item)
        self.finished = name in ("finish", "abort")
        # What follows an error, if anything does, is for whoever wrote it.
        self._foreign_finish = self._foreign_finish or self.finished or name == "error"

    def _after_foreign(self) -> Events:
        return [ServerSentEvent(raw_data=DONE)]


def _chunk(name: str, /, **fields: Any) -> ServerSentEvent:
    return ServerSentEvent(data={"type": name, **fields})
