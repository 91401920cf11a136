"""Pydantic's view of an event: the judge of every argument that is not plainly legal.

The native ``ServerSentEvent`` takes exact ``str``, ``int`` and ``None`` itself and hands
everything else to this model, so that conversions (``retry="5"``), error types and messages are
Pydantic's own and equal those of ``fastapi.sse.ServerSentEvent``.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from eventwire import _core


def _single_line(field: str, value: str | None) -> str | None:
    if value is not None and ("\r" in value or "\n" in value):
        raise ValueError(f"SSE '{field}' must be a single line")
    return value


def _event(value: str | None) -> str | None:
    return _single_line("event", value)


def _id(value: str | None) -> str | None:
    if value is not None and "\0" in value:
        raise ValueError("SSE 'id' must not contain null characters")
    return _single_line("id", value)


class ServerSentEvent(BaseModel):
    """The fields of an event. The class name is the title in validation errors."""

    data: Any = None
    raw_data: str | None = None
    event: Annotated[str | None, AfterValidator(_event)] = None
    id: Annotated[str | None, AfterValidator(_id)] = None
    retry: Annotated[int | None, Field(ge=0)] = None
    comment: str | None = None

    @model_validator(mode="after")
    def _one_payload(self) -> Self:
        if self.data is not None and self.raw_data is not None:
            raise ValueError(
                "Cannot set both 'data' and 'raw_data' on the same ServerSentEvent. Use 'data' "
                "for JSON-serialized payloads or 'raw_data' for pre-formatted strings."
            )
        return self


def rebuild(fields: dict[str, Any]) -> _core.ServerSentEvent:
    """Make an event from its fields: what ``copy`` and ``pickle`` call."""
    return _core.ServerSentEvent(**fields)
