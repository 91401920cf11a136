"""The calls that are timed, each of them one Python function deep.

That level costs every contender the same; the report subtracts it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import fastapi.sse
import orjson
from fastapi.encoders import jsonable_encoder
from fastapi.routing import _normalize_non_finite_floats
from fastapi.sse import format_sse_event
from fastapi.utils import create_model_field
from pydantic import TypeAdapter

import eventwire.fastapi
from eventwire import Encoder
from eventwire._fastapi_hook import UNTYPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from encode.case import Call
    from eventwire import EventTemplate

COMPACT = Encoder()
SPACED = UNTYPED
"""What FastAPI writes where no type is declared, and for the data of events."""

BY_HAND = "f-string, model_dump_json"
ORJSON = "orjson.dumps"
FASTAPI = "fastapi.sse"
MEMCPY = "memcpy (bytes.join)"


def ours(encoder: Encoder, item: Any) -> Call:
    """Encode with eventwire."""
    return lambda: encoder.encode(item)


def typed(item_type: Any, item: Any) -> dict[str, Call]:
    """Encode with eventwire as a declared type; the name says which way it takes."""
    encoder = Encoder(item_type)
    encoder.encode(item)  # builds what an SDK builds lazily
    general = encoder.describe().count("general path: ")
    if encoder.describe().startswith("item: general path"):
        way = "general path"
    else:
        way = f"{general} parts on the general path" if general else "compiled"
    return {f"eventwire, typed: {way}": ours(encoder, item)}


def by_hand(model: BaseModel) -> Call:
    """Encode as people do who count every microsecond."""
    return lambda: f"data: {model.model_dump_json()}\n\n".encode()  # noqa: PLW0108  # all of it


def by_adapter(item_type: Any, item: Any) -> Call:
    """Encode with Pydantic's serializer of a type that is no model."""
    dump_json = TypeAdapter(item_type).dump_json
    return lambda: b"data: " + dump_json(item) + b"\n\n"


def by_orjson(value: Any) -> Call:
    """Encode with the fastest JSON library for builtin types."""
    return lambda: b"data: " + orjson.dumps(value) + b"\n\n"


def copied(payload: str) -> Call:
    """Copy the payload, once, into a new frame."""
    parts = (b"data: ", payload.encode(), b"\n\n")
    return lambda: b"".join(parts)


def fastapi_untyped(item: Any) -> Call:
    """Encode as FastAPI does for an item without a declared type."""
    return lambda: format_sse_event(data_str=json.dumps(jsonable_encoder(item)))


def by_template(encoder: Encoder, template: EventTemplate, text: str) -> Call:
    """Fill in a template's one slot and encode the event.

    The names are local: a method of a name that a module imports is called in a slower way.
    """
    return lambda: encoder.encode(template(content=text))


def named_by_template(encoder: Encoder, template: EventTemplate, text: str) -> Call:
    """Fill in three slots, two of them in other fields, and encode the event."""
    return lambda: encoder.encode(template(content=text, event="delta", id="7"))


def native_event(data: Any) -> Call:
    """Build the root's native event and encode it as a FastAPI route does."""
    return lambda: SPACED.encode(eventwire.ServerSentEvent(data=data, event="delta", id="7"))


def drop_in_event(data: Any) -> Call:
    """Build the drop-in's event and encode it as a FastAPI route does."""
    return lambda: SPACED.encode(
        eventwire.fastapi.ServerSentEvent(data=data, event="delta", id="7")
    )


def fastapi_event(data: Any) -> Call:
    """Build FastAPI's event and do what `_serialize_sse_item` of its routing does with it."""

    def call() -> bytes:
        item = fastapi.sse.ServerSentEvent(data=data, event="delta", id="7")
        if item.raw_data is not None:
            data_str: str | None = item.raw_data
        elif item.data is not None:
            if hasattr(item.data, "model_dump_json"):
                data_str = item.data.model_dump_json()
            else:
                data_str = json.dumps(_normalize_non_finite_floats(jsonable_encoder(item.data)))
        else:
            data_str = None
        return format_sse_event(
            data_str=data_str, event=item.event, id=item.id, retry=item.retry, comment=item.comment
        )

    return call


def fastapi_route(item_type: Any, make: Callable[[], Any]) -> Call:
    """Build an item and do what `_serialize_sse_item` of FastAPI's routing does if it is typed."""
    field = create_model_field("item", item_type, mode="serialization")

    def call() -> bytes:
        value, errors = field.validate(make(), {}, loc=("response",))
        assert not errors
        json = field.serialize_json(
            value,
            include=None,
            exclude=None,
            by_alias=True,
            exclude_unset=False,
            exclude_defaults=False,
            exclude_none=False,
        )
        return format_sse_event(data_str=json.decode("utf-8"))

    return call


def fastapi_text(text: str) -> Call:
    """Frame a text as FastAPI does with `raw_data`."""
    return lambda: format_sse_event(data_str=text)
