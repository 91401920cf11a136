"""Items: models, with a declared type and without; dicts; what Pydantic has to be asked for."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import BaseModel, Field

from encode.case import Case
from encode.contenders import (
    BY_HAND,
    COMPACT,
    FASTAPI,
    ORJSON,
    SPACED,
    by_adapter,
    by_hand,
    by_orjson,
    fastapi_untyped,
    ours,
    typed,
)


class Delta(BaseModel):
    role: str | None = None
    content: str | None = None


class Choice(BaseModel):
    index: int
    delta: Delta
    finish_reason: str | None = None


class Chunk(BaseModel):
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]


class Item(BaseModel):
    id: int
    name: str
    price: float


class Colour(enum.Enum):
    RED = "red"


class Record(BaseModel):
    id: uuid.UUID
    at: datetime
    colour: Colour
    name: str


@dataclasses.dataclass
class Point:
    x: int
    y: float
    label: str


class Started(BaseModel):
    kind: Literal["started"] = "started"
    run: str


class Token(BaseModel):
    kind: Literal["token"] = "token"
    text: str
    index: int


Progress = Annotated[Started | Token, Field(discriminator="kind")]

CHUNK = Chunk(
    id="chatcmpl-123",
    object="chat.completion.chunk",
    created=1_700_000_000,
    model="gpt",
    choices=[Choice(index=0, delta=Delta(content=" hello"))],
)
ITEM = Item(id=1, name="Plumbus", price=32.99)
RECORD = Record(
    id=uuid.UUID(int=7), at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), colour=Colour.RED, name="r"
)
POINT = Point(1, 2.5, "here")
TOKEN = Token(text=" hello", index=3)
PAYLOAD: dict[str, Any] = CHUNK.model_dump()
HOLDER = {"run": 7, "chunk": CHUNK}


def by_core(value: Any) -> dict[str, Any]:
    """Return the call that encodes anything with pydantic-core."""
    return {"pydantic_core.to_json": lambda: b"data: " + pydantic_core.to_json(value) + b"\n\n"}


def untyped(value: Any) -> dict[str, Any]:
    """Return the two forms' calls of an item without a declared type: spaced ones."""
    return {"eventwire, untyped": ours(SPACED, value), FASTAPI: fastapi_untyped(value)}


CASES = [
    Case("nested chat chunk", typed(Chunk, CHUNK) | {BY_HAND: by_hand(CHUNK)}, goal=5),
    Case("flat item of 3 fields", typed(Item, ITEM) | {BY_HAND: by_hand(ITEM)}, goal=5),
    Case("nested chat chunk, spaced", untyped(CHUNK), goal=100),
    Case(
        "nested chat chunk, no type",
        {"eventwire, untyped": ours(COMPACT, CHUNK), BY_HAND: by_hand(CHUNK)},
    ),
    Case(
        "dict",
        {"eventwire, untyped": ours(COMPACT, PAYLOAD), ORJSON: by_orjson(PAYLOAD)},
        goal=1 / 1.1,
    ),
    Case("dict, spaced", untyped(PAYLOAD)),
    Case("model with datetime, UUID, enum", typed(Record, RECORD) | {BY_HAND: by_hand(RECORD)}),
    Case("model with datetime, UUID, enum, spaced", untyped(RECORD)),
    Case(
        "dataclass",
        typed(Point, POINT)
        | {"TypeAdapter.dump_json": by_adapter(Point, POINT), ORJSON: by_orjson(POINT)},
    ),
    Case("dataclass, spaced", untyped(POINT)),
    Case("dict holding a model", {"eventwire, untyped": ours(COMPACT, HOLDER)} | by_core(HOLDER)),
    Case("dict holding a model, spaced", untyped(HOLDER)),
    Case(
        "discriminated union",
        typed(Progress, TOKEN)
        | {BY_HAND: by_hand(TOKEN), "TypeAdapter.dump_json": by_adapter(Progress, TOKEN)},
    ),
]
