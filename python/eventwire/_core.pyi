"""Types of the Rust extension."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, Never, final

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema

from eventwire._template import Slot

__all__ = [
    "Driver",
    "Encoder",
    "EventTemplate",
    "Outcome",
    "ServerSentEvent",
    "Slicer",
    "SseStarletteEncoder",
    "TemplatedEvent",
    "__version__",
    "_call_natively",
    "format_sse_event",
]

__version__: str

@final
class ServerSentEvent:
    """One server-sent event (HTML Standard, section 9.2). Keyword arguments only.

    ``None`` means "no such field". Values that are not plainly legal go through Pydantic, which
    converts (``retry="5"``) or raises ``pydantic.ValidationError``, a ``ValueError``, exactly as
    ``fastapi.sse.ServerSentEvent`` does. Setting a field checks in the same way, and a refused
    value leaves the event as it was; a frame's fields are checked again when it is written.

    Args:
        data: payload, written as JSON; excludes ``raw_data``.
        raw_data: text for the data field as it stands, split at CR, LF and CRLF.
        event: name of the event, a single line; without one a client takes ``message``.
        id: sent back by a client as ``Last-Event-ID``; a single line without NUL.
        retry: reconnection time in milliseconds, not negative.
        comment: lines that a client ignores.
    """

    __match_args__ = ()

    def __new__(
        cls,
        *,
        data: Any = None,
        raw_data: str | None = None,
        event: str | None = None,
        id: str | None = None,
        retry: int | None = None,
        comment: str | None = None,
    ) -> ServerSentEvent: ...
    data: Any
    """The payload, written as JSON; ``None``: no data field."""
    raw_data: str | None
    """Text written to the data field as it stands."""
    event: str | None
    """The event's name; a client takes none or an empty one for ``message``."""
    id: str | None
    """What a client sends back as ``Last-Event-ID`` when it reconnects."""
    retry: int | None
    """Reconnection time in milliseconds."""
    comment: str | None
    """Comment lines, which a client ignores."""
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]  # what changes is no key
    def __reduce__(self) -> tuple[type[ServerSentEvent], tuple[()], dict[str, Any]]: ...
    def __setstate__(self, state: dict[str, Any], /) -> None: ...
    def __replace__(self, **changes: Any) -> ServerSentEvent: ...
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of a model with these fields: for fields, bodies and ``TypeAdapter``."""

@final
class EventTemplate:
    r"""Events of which most is constant, such as token deltas. Immutable; share between threads.

    A template is an example of an event with slots in it. Everything else is encoded once, and
    calling the template with a value for each slot, by name, makes an event that every response
    and ``Encoder`` writes byte for byte as a ``ServerSentEvent`` with the whole payload would be
    written there: on FastAPI's routes a model compact and by the names of its fields, anything
    else spaced; compact elsewhere. As for any event, a route's item type is not asked.

    Slots are objects in the example (not names in braces: text that happens to have some stays
    text). Where a model would refuse one, give the example with any legal value and say in
    ``slots`` which values to replace, by paths like ``loc`` in Pydantic's errors. A value is
    written as the payload with it in that place would be: as after ``model_copy(update=…)``, it is
    not validated.

    Exact ``str``, ``int``, ``float``, ``bool`` and None where the type takes them, and JSON in
    builtin containers, take the fast way. For others the payload is put together and encoded as a
    whole: values that a model's field is not declared for, other values of a model than those,
    fields of models with serializers or computed fields.

    Args:
        data: example of the payload: dict, list, model, dataclass, any JSON value; copied. Or a
            model, dataclass or TypedDict itself: its fields are slots but for those with a default
            (a default made by a factory is none).
        raw_data: text, a slot, or a tuple of text and slots, one after the other.
        event: the same; so is ``id``. A slot that is the whole field may be None: no such field.
        id: see ``event``.
        retry: as of ``ServerSentEvent``; so is ``comment``.
        comment: see ``retry``.
        slots: paths of further slots in ``data``, by name: a tuple of fields, keys, positions.

    Raises:
        TypeError: a slot where none can be filled, or data that cannot be copied.
        ValueError: a path that leads nowhere, or a field that is not legal.

    >>> from eventwire import Encoder, EventTemplate, Slot
    >>> delta = EventTemplate(data={"delta": {"content": Slot("content")}}, id=Slot("id"))
    >>> delta(content=" hello", id="7")
    TemplatedEvent(content=' hello', id='7')
    >>> Encoder().encode(delta(content=" hello", id="7"))
    b'data: {"delta":{"content":" hello"}}\nid: 7\n\n'
    >>> delta = EventTemplate(data=[{"text": ""}], slots={"text": (0, "text")})
    >>> Encoder().encode(delta(text="hi"))
    b'data: [{"text":"hi"}]\n\n'
    """

    def __new__(
        cls,
        *,
        data: Any = None,
        raw_data: str | Slot | tuple[str | Slot, ...] | None = None,
        event: str | Slot | tuple[str | Slot, ...] | None = None,
        id: str | Slot | tuple[str | Slot, ...] | None = None,
        retry: int | None = None,
        comment: str | None = None,
        slots: Mapping[str, Any] | None = None,
    ) -> EventTemplate: ...
    def __call__(self, *args: Never, **values: Any) -> TemplatedEvent:
        """Make an event with these values in the slots, by their names.

        Raises:
            TypeError: a slot is missing or unknown, or one in ``event``, ``id`` or ``raw_data`` got
                something other than ``str``.
            ValueError: a name or an id with a line end, or an id with NUL.
        """
    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the slots."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]: ...
    def __copy__(self) -> EventTemplate: ...
    def __deepcopy__(self, memo: Any, /) -> EventTemplate: ...

@final
class TemplatedEvent:
    """An event that an ``EventTemplate`` has made: the template and the values. Immutable.

    Its fields are those of ``ServerSentEvent``, put together when they are asked for.
    """

    @property
    def template(self) -> EventTemplate:
        """The template that made it."""
    @property
    def values(self) -> dict[str, Any]:
        """The values by the names of their slots."""
    @property
    def data(self) -> Any:
        """The payload: a copy of the template's, with the values in their slots."""
    @property
    def raw_data(self) -> str | None:
        """Text written to the data field as it stands."""
    @property
    def event(self) -> str | None:
        """The event's name; a client takes none or an empty one for ``message``."""
    @property
    def id(self) -> str | None:
        """What a client sends back as ``Last-Event-ID`` when it reconnects."""
    @property
    def retry(self) -> int | None:
        """Reconnection time in milliseconds."""
    @property
    def comment(self) -> str | None:
        """Comment lines, which a client ignores."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Callable[..., TemplatedEvent], tuple[Any, ...]]: ...
    def __copy__(self) -> TemplatedEvent: ...
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of an event, of which only a template's events are instances."""

def _call_natively(cls: type, /) -> None:
    """Make calls of ``eventwire.fastapi.ServerSentEvent`` native, those of its subclasses not."""

def format_sse_event(
    *,
    data_str: str | None = None,
    event: str | None = None,
    id: str | None = None,
    retry: int | None = None,
    comment: str | None = None,
) -> bytes:
    r"""Return a frame with data that is text already: ``fastapi.sse.format_sse_event``, checked.

    The bytes are those of the newest FastAPI, whichever is installed.

    Raises:
        ValueError: a field is not legal, for example an id with a line end.
        TypeError: a field is of a wrong type.

    >>> from eventwire.fastapi import format_sse_event
    >>> format_sse_event(data_str="two\nlines", event="note", id="7")
    b'event: note\ndata: two\ndata: lines\nid: 7\n\n'
    """

@final
class Encoder:
    r"""Encodes items as server-sent events. Immutable; share one between streams and threads.

    Args:
        item_type: type of the items, anything Pydantic has a schema for. Items are validated
            against it and serialized as it (a subclass is cut to the declared type). Without it
            each item is written by its class.
        dialect: ``"compact"``, as Pydantic writes JSON: no spaces, UTF-8; without a declared type
            what ``pydantic_core.to_json`` gives, with aliases, non-finite floats as null. Or
            ``"spaced"``, as FastAPI writes items without a declared type, ``json.dumps`` of
            ``jsonable_encoder``: spaces, ASCII; needs FastAPI.
        include, exclude, by_alias, exclude_unset, exclude_defaults, exclude_none: of Pydantic's
            ``dump_json``, for items of a declared type.
        escape_line_separators: writes U+0085, U+2028 and U+2029 in JSON as ``\\uXXXX``, for
            clients that take them for line ends (httpx's ``iter_lines`` does).

    Raises:
        ValueError: an unknown dialect.
        TypeError: an option of ``dump_json`` without a declared type.
        ModuleNotFoundError: the spaced dialect without FastAPI.

    >>> from eventwire import Encoder, ServerSentEvent
    >>> Encoder().encode({"text": "hello"})
    b'data: {"text":"hello"}\n\n'
    >>> Encoder(list[int]).encode(("1", 2))
    b'data: [1,2]\n\n'
    >>> Encoder(dialect="spaced").encode({"text": "hello"})
    b'data: {"text": "hello"}\n\n'
    >>> Encoder().encode(ServerSentEvent(raw_data="[DONE]", event="done"))
    b'event: done\ndata: [DONE]\n\n'
    """

    def __new__(
        cls,
        item_type: Any = None,
        *,
        dialect: Literal["compact", "spaced"] = "compact",
        escape_line_separators: bool = False,
        **options: Any,
    ) -> Encoder: ...
    def encode(self, item: Any) -> bytes:
        """Return one whole frame: ``data`` with compact JSON, or the fields of an event object.

        Raises:
            pydantic.ValidationError: the item does not fit the declared type.
            pydantic_core.PydanticSerializationError: the item cannot be written as JSON.
            ValueError: a field of an event is not legal, for example an id with a line end.
            TypeError: a field of an event is of a wrong type.
        """
    def describe(self) -> str:
        """Say, a line for each part of the declared type, what is compiled and why the rest not.

        Parts on the "general path" make the items that hold them be written by Pydantic: the same
        bytes, slower.
        """
    @staticmethod
    def _for_route(
        *,
        adapter: Any,
        dump_options: dict[str, Any],
        escape_line_separators: bool = False,
    ) -> Encoder:
        """The encoder of a FastAPI route.

        ``adapter`` is the ``pydantic.TypeAdapter`` of the declared type or None.
        """

@final
class Outcome:
    """What ``Driver.advance`` and ``throw`` return when there is nothing to wait for."""

    END: Outcome
    """The iterator is exhausted."""
    BUDGET: Outcome
    """A budget is used, or one item was asked for; no step is under way."""

@final
class SseStarletteEncoder:
    """Encodes items as sse-starlette does.

    Args:
        sep: how lines end.
        general: makes the frame of an item that is no plain ``bytes``, ``str`` or dict.

    Raises:
        ValueError: ``sep`` is no line end.
    """

    def __new__(cls, sep: str, general: Callable[[Any], bytes]) -> SseStarletteEncoder: ...
    def encode(self, item: Any) -> bytes:
        """Return one item as a frame."""

    def event(self, data: Any, event: Any, id: Any, retry: Any, comment: Any) -> bytes:
        """Return the fields of an event as a frame."""

@final
class Driver:
    """Advances one stream's async iterator and gathers the frames of what it yields.

    Args:
        source: the iterator; ``__anext__()`` may return any awaitable.
        encoder: makes the frames.
        frames_are: which items are frames already: ``bytes`` and ``memoryview``, those and
            ``str``, or none.
        invalid: makes the exception for an item that fails validation.
    """

    def __new__(
        cls,
        source: AsyncIterator[Any],
        encoder: Encoder | SseStarletteEncoder,
        *,
        frames_are: Literal["nothing", "bytes", "text"] = "nothing",
        invalid: Callable[[Any, ValidationError], BaseException] | None = None,
    ) -> Driver: ...
    def advance(self, value: Any, hold: bool) -> Any:
        """Resume the iterator with ``value``, until it suspends, ends or uses a budget.

        Returns what it waits for (a future, or None for a bare yield), which the caller yields
        to the event loop, or a member of ``Outcome``. With ``hold`` it returns after one item.
        Raises what the iterator or the encoder raises; frames gathered before stay.
        """
    def throw(self, error: BaseException, hold: bool) -> Any:
        """Throw ``error`` into the step under way, then go on as ``advance`` does."""
    def frame(self, item: Any) -> bytes:
        """One item as a frame, for a caller that iterates the source itself."""
    @property
    def is_full(self) -> bool:
        """Whether as many bytes have gathered as may."""
    def take(self) -> bytes | None:
        """The frames gathered so far, or None; the buffer is empty afterwards."""

@final
class Slicer:
    """Advances one stream's sync iterator in worker threads, a slice of time at a go.

    Args:
        iterable: what is iterated; ``iter()`` is called in the first slice.
        encoder: makes the frames.
        frames_are: which items are frames already, as for ``Driver``.
        invalid: makes the exception for an item that fails validation.
        coalesce: whether ``take()`` returns all frames at once, or one at a time.
    """

    def __new__(
        cls,
        iterable: Iterable[Any],
        encoder: Encoder | SseStarletteEncoder,
        *,
        frames_are: Literal["nothing", "bytes", "text"] = "nothing",
        invalid: Callable[[Any, ValidationError], BaseException] | None = None,
        coalesce: bool = True,
    ) -> Slicer: ...
    def run(self, wake: Callable[[], object]) -> Outcome:
        """Run one slice (2 ms, 64 KiB); in a worker thread, one at a time.

        ``wake`` is called when frames are ready and the thread that takes them is idle. Raises
        what the iterator or the encoder raises; frames gathered before stay.
        """
    def take(self) -> bytes | None:
        """The frames gathered so far, or the first of them.

        None, and idle from then on, if there are none.
        """
    def stop(self) -> None:
        """End the slice under way after its step, and any later one at once."""
    def close(self) -> None:
        """Close the iterator if it is a generator. No slice may be under way.

        Others, for example files, belong to whoever opened them.
        """
