"""From items to events: the rules that all protocols share, for one stream.

A writer knows no iterator and does no I/O. What it returns for an item is complete: if it raises,
nothing of that item is written. The subclasses say what a protocol's events look like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from eventwire._core import Encoder, ServerSentEvent, TemplatedEvent
from eventwire.ai._items import Finish, FinishReason, ToolCall, Usage, field, json_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventwire._response import Options

Event: TypeAlias = ServerSentEvent | TemplatedEvent
Events: TypeAlias = list[Event]

_ENCODER = Encoder()
_MIXED = "text and events that are passed through cannot be mixed in this protocol"


class Truncated(Exception):  # noqa: N818  # a state, shown in the log
    """The events that were passed through ended before the answer was finished."""


class Writer(ABC):
    """Writes one answer."""

    options: ClassVar[Options] = {}
    """Of the response: keep-alive in the form that the protocol's clients take."""
    headers: ClassVar[dict[str, str]] = {}
    _interleaves: ClassVar[bool] = False
    """Whether pieces of several tool calls may come by turns."""
    _mixes: ClassVar[bool] = False
    """Whether events that are passed through may stand among text and tool calls."""

    def __init__(self) -> None:
        self.started = False
        """Something was written."""
        self.finished = False
        """Nothing more is taken; the iterable is to be closed."""
        self.delta: Callable[[str], Event] | None = None
        """Makes the event for a piece of text (not empty, no lone surrogates) while a text is open:
        the one event that is made per token, so a template makes it. None: ``feed`` takes it."""
        self._own = False  # text, a tool call or the finish was written
        self._foreign = False  # the opening was passed through
        self._foreign_finish = False  # and the finish
        self._calls: dict[str, int] = {}
        self._call: str | None = None
        self._finish = Finish()

    def feed(self, item: Any) -> Sequence[Event]:
        """Return the events for an item.

        Raises:
            TypeError: an item is nothing that can be written.
            ValueError: an item cannot come here.
        """
        if isinstance(item, str):
            if not item.isascii():
                item.encode()  # a lone surrogate: raised here it ends the answer in good form
            if not item:
                return ()
            return self._text(item)
        if isinstance(item, ToolCall):
            return self._tool(item)
        if isinstance(item, Finish):
            self._check_unfinished("Finish")
            self._finish = item
            self.finished = True
            return ()
        return self._pass(item)

    def end(self) -> Sequence[Event]:
        """Return the events after the last item.

        Raises:
            Truncated: what was passed through is not complete.
        """
        finish = self._finish
        if self._foreign and not self._foreign_finish and not self._own and not self.finished:
            raise Truncated("the events that were passed through ended without their finish")
        self.finished = True
        if self._foreign_finish:
            return self._after_foreign()
        reason = finish.reason or ("tool_calls" if self._calls else "stop")
        return [*self._begin(None), *self._close(), *self._end(reason, finish.usage)]

    def fail(self, message: str) -> Sequence[Event]:
        """Return the events that tell the client of an error, the last ones."""
        events = self._error(message)
        self.started = self.finished = True
        return events

    def _text(self, text: str) -> Events:
        self._check_unfinished("text")
        events = self._begin(text)
        if self.delta is None:
            events += self._close()
            events += self._open_text()
        assert self.delta is not None
        return [*events, self.delta(text)]

    def _tool(self, call: ToolCall) -> Events:
        self._check_unfinished("a ToolCall")
        index = self._calls.get(call.id)
        if index is None and not call.name:
            raise ValueError(f"the first piece of the tool call {call.id!r} must have its name")
        if index is not None and self._call != call.id and not self._interleaves:
            raise ValueError(
                f"a piece of the tool call {call.id!r} after something else: in this protocol "
                "the pieces of a call come one after another"
            )
        events = self._begin(call)
        if index is None:
            events += self._close()
            index = self._calls[call.id] = len(self._calls)
            events += self._open_call(index, call)
        self._call = call.id
        if call.arguments:
            events += self._arguments(index, call.arguments)
        return events

    def _pass(self, item: Any) -> Events:
        """Take an event of the protocol as it is."""
        text = None
        if not isinstance(item, Mapping) and (text := json_of(item)) is None:
            hint = ": decode it" if isinstance(item, bytes | bytearray | memoryview) else ""
            raise TypeError(
                "an iterable of model output must yield str, ToolCall, Finish, or events of the "
                f"protocol (objects of its SDK, models, dicts), not {type(item).__name__}{hint}"
            )
        passed = self._passed(item, text)
        if self._is_neutral(item):
            return [passed]
        if self._own and not self._mixes:
            raise TypeError(_MIXED)
        opening = self._opens(item)
        events = [] if opening or self.started else self._begin(item)
        self._foreign = self._foreign or (opening and not self.started)
        self.started = True
        self._look(item)
        if self._foreign_finish:
            self.delta = None  # the next text is an error
        return [*events, *self._before(item), passed]

    def _passed(self, item: Any, text: str | None) -> ServerSentEvent:
        name = self._name(item)
        if text is None:
            event = ServerSentEvent(data=dict(item), event=name)
        else:
            event = ServerSentEvent(raw_data=text, event=name)
        _ENCODER.encode(event)  # what cannot be written is an error here, where it is told in form
        return event

    def _check_unfinished(self, what: str) -> None:
        if self._foreign_finish:
            raise ValueError(f"{what} after the finish that was passed through")
        if self._foreign and not self._mixes:
            raise TypeError(_MIXED)

    def _begin(self, first: Any) -> Events:
        """Return the opening, once."""
        self._own = True
        if self.started:
            return []
        self.started = True
        return self._start(first)

    def _close(self) -> Events:
        """Close the text or the tool call that is open."""
        self.delta = None
        self._call = None
        return []

    def _is_neutral(self, item: Any) -> bool:  # noqa: ARG002
        """Whether an event may be passed through anywhere, and says nothing about the answer."""
        return False

    def _opens(self, item: Any) -> bool:  # noqa: ARG002
        """Whether an event that is passed through first is an opening, so that ours is left out."""
        return True

    def _name(self, item: Any) -> str | None:  # noqa: ARG002
        """Return the name of an event that is passed through."""
        return None

    def _before(self, item: Any) -> Events:  # noqa: ARG002
        """Return what must stand before an event that is passed through."""
        return []

    def _after_foreign(self) -> Events:
        """Return what follows a finish that was passed through."""
        return []

    @abstractmethod
    def _look(self, item: Any) -> None:
        """Notice the finish among the events that are passed through."""

    @abstractmethod
    def _start(self, first: Any) -> Events:
        """Return the opening; ``first`` is the item that follows, None if there is none."""

    @abstractmethod
    def _open_text(self) -> Events:
        """Open a text: set ``delta``."""

    @abstractmethod
    def _open_call(self, index: int, call: ToolCall) -> Events:
        """Open a tool call, without its arguments."""

    @abstractmethod
    def _arguments(self, index: int, text: str) -> Events:
        """Return the event for a piece of a tool call's arguments."""

    @abstractmethod
    def _end(self, reason: FinishReason, usage: Usage | None) -> Events:
        """Return the end of the answer."""

    @abstractmethod
    def _error(self, message: str) -> Events:
        """Return the end of an answer that failed."""


def typed(payload: Mapping[str, Any]) -> ServerSentEvent:
    """Return an event that is named like the ``type`` in its payload."""
    return ServerSentEvent(data=payload, event=payload["type"])


def type_of(item: Any) -> str | None:
    """Return the ``type`` of an event, if it is a name."""
    name = field(item, "type")
    return name if isinstance(name, str) else None
