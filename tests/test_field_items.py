"""Big items, items that must not change, and producers that are early."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import subprocess
import sys
from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it

import anyio
import fastapi.sse
import pytest
import sse_starlette
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

import eventwire
import eventwire.fastapi
from asgi import Wire, start
from eventwire import EventSourceResponse

MEASURE = """
import resource, sys
from eventwire import Encoder, ServerSentEvent
work = sys.argv[1]
encoder = Encoder()
encoder.encode(ServerSentEvent(raw_data="warm"))
text = ("line\\n" * int(sys.argv[2])) if work == "lines" else "x" * int(sys.argv[2])
item = text if work == "text" else ServerSentEvent(raw_data=text)
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
before = peak()
frame = encoder.encode(item)
print(peak() - before, len(frame))
"""


@pytest.mark.parametrize(
    ("work", "amount"), [("text", 1 << 24), ("raw", 1 << 24), ("lines", 1_000_000)]
)
def test_a_big_event_is_copied_twice_at_most_beside_its_frame(work, amount):
    """By the height of a process's memory: text as JSON, raw text, a million lines."""

    def measure(amount):
        command = [sys.executable, "-c", MEASURE, work, str(amount)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        more, length = map(int, done.stdout.split())
        return more, length

    for part in (amount // 2, amount):
        more, length = measure(part)
        assert more < 3.1 * length


@pytest.mark.parametrize("kind", ["text", "lines"])
def test_a_big_event_passes_through_a_stream_whole(kind):
    """16 MB, or a million lines, between small events: one message each, in order."""
    text = "x" * (1 << 24) if kind == "text" else "line\n" * 1_000_000

    async def main():
        wire = Wire()

        async def generator():
            yield eventwire.ServerSentEvent(raw_data="before")
            yield eventwire.ServerSentEvent(raw_data=text)
            yield eventwire.ServerSentEvent(raw_data="after")

        await start(EventSourceResponse(generator()), wire)
        return wire

    wire = asyncio.run(main())
    frame = b"".join(b"data: %s\n" % line.encode() for line in text.split("\n")) + b"\n"
    assert wire.body == b"data: before\n\n" + frame + b"data: after\n\n"
    assert all(body.endswith(b"\n\n") for body in wire.bodies if body)


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")

    tags: set[str] = Field(default_factory=set)
    maybe: int | None = None


class Outer(BaseModel):
    name: str = Field(alias="Name")
    inner: Inner
    rows: list[dict[str, object]]
    _private: list[int] = PrivateAttr(default_factory=lambda: [1])


@dataclasses.dataclass
class Data:
    rows: list[object]
    table: dict[str, object]


def state(item):
    """All there is to an object, in a form that compares by value and order."""
    if isinstance(item, BaseModel):
        parts = (item.__dict__, item.__pydantic_extra__, item.__pydantic_private__)
        return (type(item), *map(state, parts), sorted(item.model_fields_set))
    if isinstance(item, dict):
        return [(state(key), state(value)) for key, value in item.items()]
    if isinstance(item, (list, tuple)):
        return [type(item), *map(state, item)]
    if hasattr(item, "__dict__"):
        return (type(item), state(vars(item)))
    return repr(item)


def samples():
    rows = [{"b": 1, "a": [None, 1.5]}, {"a": {"deep": ()}}]
    outer = Outer(Name="n", inner=Inner(tags={"x"}, other=[1]), rows=rows)
    data = Data(rows=rows, table={"z": 1, "a": outer})
    return [
        outer,
        data,
        {"z": outer, "a": data, "set": {1}},
        [rows, (1, 2), frozenset({3})],
        eventwire.fastapi.ServerSentEvent(data=outer, id="1", comment="c\nd"),
        fastapi.sse.ServerSentEvent(data=rows, event="e"),
        sse_starlette.ServerSentEvent(data="text", id="1", event="e"),
        eventwire.ServerSentEvent(data=data, retry=5),
    ]


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.parametrize("response_class", [EventSourceResponse, "fastapi"])
def test_what_is_streamed_is_as_it_was(response_class, sync):
    """No attribute, key, order, set of fields or private attribute changes, whoever's object."""
    items = samples()
    before = [state(item) for item in items]
    native = copy.copy(items[-1])

    def sync_items():
        yield from items
        yield from items

    async def async_items():
        for item in (*items, *items):
            yield item

    if response_class == "fastapi":
        app = FastAPI()
        app.get("/", response_class=eventwire.fastapi.EventSourceResponse)(
            sync_items if sync else async_items
        )
    else:
        app = EventSourceResponse(sync_items() if sync else async_items())

    async def main():
        wire = Wire()
        await app(wire.scope, wire.receive, wire.send)
        return wire

    wire = asyncio.run(main())
    frames = wire.body.split(b"\n\n")
    assert wire.ended
    assert frames[:8] == frames[8:16]
    assert [state(item) for item in items] == before
    assert items[-1] == native


def test_typed_items_are_as_they_were():
    """Declared types are validated and cut to the type: in the frame, not in the object."""
    items = [sample for sample in samples() if isinstance(sample, Outer)] * 2
    before = [state(item) for item in items]
    app = FastAPI()

    @app.get("/", response_class=eventwire.fastapi.EventSourceResponse)
    async def stream() -> AsyncIterable[Outer]:
        for item in items:
            yield item

    async def main():
        wire = Wire()
        await app(wire.scope, wire.receive, wire.send)
        return wire

    assert asyncio.run(main()).body.count(b"data: ") == 2
    assert [state(item) for item in items] == before


def filled(size):
    """Return a memory stream with so many numbers in it, whose other end is closed already."""
    sender, receiver = anyio.create_memory_object_stream(size)
    with sender:
        for number in range(size):
            sender.send_nowait(number)
    return receiver


async def from_queue(size):
    queue = asyncio.Queue()
    for number in range(size):
        queue.put_nowait(number)
    while not queue.empty():
        yield await queue.get()


async def beside_a_task(size):
    async with filled(size) as receiver, anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)
        async for number in receiver:
            yield number


@pytest.mark.parametrize("size", [0, 1, 10])
@pytest.mark.parametrize("make", [filled, from_queue, beside_a_task])
def test_a_producer_that_is_done_before_the_response_starts_does_not_stop_it(make, size):
    """Its items wait in a queue or a stream, whose other end is closed already."""

    async def main():
        wire = Wire()
        async with asyncio.timeout(2):
            await start(EventSourceResponse(make(size)), wire)
        return wire

    wire = asyncio.run(main())
    expected = b"".join(b"data: %d\n\n" % number for number in range(size))
    assert (wire.body, wire.ended) == (expected, True)
