"""What an iterable of model output may yield: text, tool calls, the finish, ready events."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why a model stopped, in the words of OpenAI's chat completions."""

_REASONS = ("stop", "length", "tool_calls", "content_filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call, or a piece of one: pieces with the same ``id`` are one call.

    Args:
        id: names the call; the client sends it back with the result.
        name: of the tool; the first piece of a call must have it.
        arguments: JSON text, or the next part of it.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an empty ``id``.
        UnicodeEncodeError: a lone surrogate in one of them.
    """

    id: str
    name: str | None = None
    arguments: str = ""

    def __post_init__(self) -> None:
        for field in ("id", "name", "arguments"):
            value = getattr(self, field)
            if not (isinstance(value, str) or (field == "name" and value is None)):
                hint = ": json.dumps() makes it" if field == "arguments" else ""
                raise TypeError(f"ToolCall: {field} must be a str{hint}, not {value!r}")
            if value is not None:
                value.encode()
        if not self.id:
            raise ValueError("ToolCall: id must not be empty")


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens were read and written.

    Raises:
        TypeError: a number is not an int.
        ValueError: a number is negative.
    """

    input_tokens: int
    output_tokens: int

    def __post_init__(self) -> None:
        for field in ("input_tokens", "output_tokens"):
            checked_int(f"Usage: {field}", getattr(self, field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The end of an answer: the iterable is closed, nothing more is asked of it.

    An iterable that just ends has finished with the default reason, without usage.

    Args:
        reason: ``None``: ``"tool_calls"`` if there were any, else ``"stop"``.
        usage: for the protocols that report it.

    Raises:
        TypeError: ``usage`` is no ``Usage``.
        ValueError: an unknown reason.
    """

    reason: FinishReason | None = None
    usage: Usage | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and self.reason not in _REASONS:
            raise ValueError(f"Finish: reason must be one of {_REASONS}, not {self.reason!r}")
        if not isinstance(self.usage, Usage | None):
            raise TypeError(f"Finish: usage must be a Usage, not {self.usage!r}")


class SDKObject(Protocol):
    """An object of the openai or the anthropic SDK: JSON as its server wrote it."""

    def to_json(self, *, indent: int | None = ...) -> str: ...


class PydanticModel(Protocol):
    """Any other model."""

    def model_dump_json(self, *, by_alias: bool = ...) -> str: ...


Item: TypeAlias = str | ToolCall | Finish | Mapping[str, Any] | SDKObject | PydanticModel


def json_of(item: Any) -> str | None:
    """Return the JSON of an object of an SDK or of a model; None if it is neither."""
    if isinstance(item, type):
        return None
    if (to_json := getattr(item, "to_json", None)) is not None:
        return str(to_json(indent=None))
    if (model_dump_json := getattr(item, "model_dump_json", None)) is not None:
        return str(model_dump_json(by_alias=True))
    return None


def field(item: Any, name: str) -> Any:
    """Return a field of a mapping or a model; None if there is none."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def checked_text(name: str, value: object) -> str:
    """Return an argument of a helper that is a text.

    Raises:
        TypeError: it is none.
        UnicodeEncodeError: it holds a lone surrogate.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {value!r}")
    value.encode()
    return value


def checked_int(name: str, value: object) -> int:
    """Return an argument of a helper that is a number.

    Raises:
        TypeError: it is none.
        ValueError: it is negative.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative: {value}")
    return value


def checked_id(value: object, prefix: str) -> str:
    """Return the id that a helper was given, or a new one that no other answer has."""
    return prefix + secrets.token_hex(12) if value is None else checked_text("id", value)


def new_id(prefix: str) -> str:
    """Return an id that no other answer has."""
    return checked_id(None, prefix)
