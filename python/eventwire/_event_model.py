"""Pydantic's view of an event: the judge of every value that is not plainly legal.

The native ``ServerSentEvent`` takes exact ``str``, ``int`` and ``None`` itself and hands
everything else to this model, so that conversions (``retry="5"``), error types and messages are
Pydantic's own and equal those of ``fastapi.sse.ServerSentEvent``. The model is also the schema
under which Pydantic validates, serializes and documents native events.
"""

from __future__ import annotations

import copy
import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import core_schema as schemas

from eventwire import _core

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


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
    """One server-sent event. The class name is the title in errors and schemas."""

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

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: schemas.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Describe the class as FastAPI does, in a program that uses FastAPI."""
        reference = handler(schema)
        described = handler.resolve_ref_schema(reference)
        theirs = getattr(sys.modules.get("fastapi.sse"), "ServerSentEvent", None)
        if theirs is not None and theirs.__doc__:
            described["description"] = inspect.cleandoc(theirs.__doc__)
        return reference


def core_schema(handler: GetCoreSchemaHandler) -> schemas.CoreSchema:
    """Return the native class's schema: its instances as they are, and what the model takes."""
    register_with_fastapi()
    # A copy: Pydantic 2.9 takes the reference out of what it puts into another schema.
    model = copy.copy(handler.generate_schema(ServerSentEvent))
    return schemas.no_info_wrap_validator_function(
        _validate,
        model,
        serialization=schemas.wrap_serializer_function_ser_schema(_serialize, schema=model),
    )


def templated_schema(handler: GetCoreSchemaHandler) -> schemas.CoreSchema:
    """Return the schema of a template's events: only calling a template makes one."""
    register_with_fastapi()
    model = copy.copy(handler.generate_schema(ServerSentEvent))
    return schemas.json_or_python_schema(
        json_schema=model,
        python_schema=schemas.is_instance_schema(_core.TemplatedEvent),
        serialization=schemas.wrap_serializer_function_ser_schema(_serialize, schema=model),
    )


def _validate(value: Any, validate: schemas.ValidatorFunctionWrapHandler) -> _core.ServerSentEvent:
    if isinstance(value, _core.ServerSentEvent):
        return value
    checked = validate(value)
    if isinstance(checked, _core.ServerSentEvent):  # Pydantic 2.9 may nest this function in itself
        return checked
    return _core.ServerSentEvent(**checked.__dict__)


def _serialize(value: Any, serialize: schemas.SerializerFunctionWrapHandler) -> Any:
    if not isinstance(value, _core.ServerSentEvent | _core.TemplatedEvent):
        return serialize(value)  # smuggled in by `model_construct`: Pydantic warns
    fields = {name: getattr(value, name) for name in ServerSentEvent.model_fields}
    # A native event does not know which of its fields were given as None.
    given = {name for name, content in fields.items() if content is not None}
    return serialize(ServerSentEvent.model_construct(given, **fields))


def register_with_fastapi() -> None:
    """Make FastAPI, if it is there, take native events for events on its own path, too.

    FastAPI asks ``isinstance`` and ``issubclass``, which a native class cannot answer: newer
    Pydantic models ignore ``ABCMeta.register``, and an instance that lies about its
    ``__class__`` is taken for a model everywhere. So the name that FastAPI asks with stands for
    its class and ours.
    """
    routing = sys.modules.get("fastapi.routing")
    theirs = getattr(routing, "ServerSentEvent", None)
    if isinstance(theirs, type):
        ours = _core.ServerSentEvent | _core.TemplatedEvent
        routing.ServerSentEvent = theirs | ours  # type: ignore[union-attr]
