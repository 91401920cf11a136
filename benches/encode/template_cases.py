"""Token deltas by template, built and encoded for each token, beside what people write today."""

from __future__ import annotations

from encode.case import Case
from encode.contenders import (
    BY_HAND,
    COMPACT,
    FASTAPI,
    SPACED,
    by_template,
    fastapi_event,
    fastapi_route,
    named_by_template,
    native_event,
)
from encode.item_cases import CHUNK, Choice, Chunk, Delta
from eventwire import EventTemplate, Slot

TOKEN = " hello"
MODEL = EventTemplate(data=CHUNK, slots={"content": ("choices", 0, "delta", "content")})
NAMED = EventTemplate(
    data=CHUNK,
    event=Slot("event"),
    id=Slot("id"),
    slots={"content": ("choices", 0, "delta", "content")},
)


def chunk() -> Chunk:
    """Build the chunk of one token, as servers do."""
    return Chunk(
        id=CHUNK.id,
        object=CHUNK.object,
        created=CHUNK.created,
        model=CHUNK.model,
        choices=[Choice(index=0, delta=Delta(content=TOKEN))],
    )


def by_hand() -> bytes:
    """Build the chunk, and encode it as people do who count every microsecond."""
    return f"data: {chunk().model_dump_json()}\n\n".encode()


def by_fastapi_event() -> bytes:
    """Build the chunk and FastAPI's event, and encode that."""
    return fastapi_event(chunk())()


def by_native_event() -> bytes:
    """Build the chunk and our event, and encode that."""
    return native_event(chunk())()


CASES = [
    Case(
        "token by template",
        {
            "eventwire.EventTemplate": by_template(COMPACT, MODEL, TOKEN),
            f"Chunk(…), {BY_HAND}": by_hand,
        },
        goal=30,
    ),
    Case(
        "token by template, FastAPI",
        {
            "eventwire.EventTemplate": by_template(SPACED, MODEL, TOKEN),
            f"Chunk(…), {FASTAPI}, typed": fastapi_route(Chunk, chunk),
        },
    ),
    Case(
        "token by template, with name and id",
        {
            "eventwire.EventTemplate": named_by_template(SPACED, NAMED, TOKEN),
            f"Chunk(…), {FASTAPI} event": by_fastapi_event,
            "Chunk(…), eventwire.ServerSentEvent": by_native_event,
        },
    ),
]
