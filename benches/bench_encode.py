"""What one frame costs: eventwire's Encoder beside what people write by hand.

Each case compares the outputs before it times anything. Run with `make bench`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import fastapi.sse
import orjson
import pytest
from fastapi.encoders import jsonable_encoder
from fastapi.sse import format_sse_event
from pydantic import BaseModel

import eventwire.fastapi
from eventwire import Encoder, ServerSentEvent, _fastapi_hook

if TYPE_CHECKING:
    from collections.abc import Callable


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


CHUNK = Chunk(
    id="chatcmpl-123",
    object="chat.completion.chunk",
    created=1_700_000_000,
    model="gpt",
    choices=[Choice(index=0, delta=Delta(content=" hello"))],
)
ITEM = Item(id=1, name="Plumbus", price=32.99)
PAYLOAD = CHUNK.model_dump()


def by_hand(model: BaseModel) -> bytes:
    return f"data: {model.model_dump_json()}\n\n".encode()


def untyped(model: BaseModel) -> bytes:
    return format_sse_event(data_str=json.dumps(jsonable_encoder(model)))


def native_event() -> bytes:
    return ROUTE.encode(ServerSentEvent(data=ITEM, event="delta", id="7"))


def model_event() -> bytes:
    return ROUTE.encode(eventwire.fastapi.ServerSentEvent(data=ITEM, event="delta", id="7"))


def fastapi_event() -> bytes:
    """Do what `fastapi.routing` does with its own event."""
    event = fastapi.sse.ServerSentEvent(data=ITEM, event="delta", id="7")
    if event.raw_data is not None:
        data = event.raw_data
    elif hasattr(event.data, "model_dump_json"):
        data = event.data.model_dump_json()
    else:
        data = json.dumps(jsonable_encoder(event.data))
    return format_sse_event(
        data_str=data, event=event.event, id=event.id, retry=event.retry, comment=event.comment
    )


ROUTE = _fastapi_hook.UNTYPED
UNTYPED = Encoder()
ITEMS = Encoder(Item)
CHUNKS = Encoder(Chunk)

CASES: dict[str, dict[str, Callable[[], bytes]]] = {
    "flat item, typed": {
        "eventwire Encoder(Item)": lambda: ITEMS.encode(ITEM),
        "f-string and model_dump_json": lambda: by_hand(ITEM),
    },
    "chat chunk, typed": {
        "eventwire Encoder(Chunk)": lambda: CHUNKS.encode(CHUNK),
        "f-string and model_dump_json": lambda: by_hand(CHUNK),
    },
    "chat chunk, no type": {
        "eventwire Encoder()": lambda: UNTYPED.encode(CHUNK),
        "f-string and model_dump_json": lambda: by_hand(CHUNK),
    },
    "dict": {
        "eventwire Encoder()": lambda: UNTYPED.encode(PAYLOAD),
        "orjson": lambda: b"data: " + orjson.dumps(PAYLOAD) + b"\n\n",
    },
    "event built and encoded": {
        "eventwire": native_event,
        "eventwire.fastapi": model_event,
        "fastapi.sse": fastapi_event,
    },
}
# The other form of the same chunk, timed alone: its bytes are FastAPI's spaced JSON.
SPACED = {"fastapi.sse, no type": lambda: untyped(CHUNK)}


@pytest.mark.parametrize(
    ("case", "contender"), [(case, name) for case, rivals in CASES.items() for name in rivals]
)
def test_encode(benchmark, case, contender):
    """Outputs of all contenders agree; then one of them is timed."""
    outputs = {name: encode() for name, encode in CASES[case].items()}
    assert len(set(outputs.values())) == 1, outputs
    benchmark.group = case
    benchmark.name = contender
    benchmark(CASES[case][contender])


@pytest.mark.parametrize("contender", SPACED)
def test_encode_spaced(benchmark, contender):
    """It decodes to the same value as the compact form."""
    data = SPACED[contender]().removeprefix(b"data: ")
    assert json.loads(data) == json.loads(UNTYPED.encode(CHUNK).removeprefix(b"data: "))
    benchmark.group = "chat chunk, no type"
    benchmark.name = contender
    benchmark(SPACED[contender])
