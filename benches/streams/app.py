"""One application with the same streams through every contender.

`/<work>/<contender>?n=…` sends n events as fast as they come; `/paced/<contender>` sends constant
events at a rate; `/idle/<contender>` sends one and waits. `/usage` tells what the server has used.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import Any

import fastapi.sse
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel
from sse_starlette import EventSourceResponse as SseStarletteResponse
from starlette.responses import StreamingResponse

import eventwire
import eventwire.fastapi


class Item(BaseModel):
    id: int
    name: str
    price: float


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


ITEMS = [Item(id=number, name=f"item {number}", price=number * 1.5) for number in range(100)]
TOKENS = [f" hello {number}" for number in range(100)]


def chunk(token: str) -> Chunk:
    """Build the chunk of one token, as servers do."""
    return Chunk(
        id="chatcmpl-123",
        object="chat.completion.chunk",
        created=1_700_000_000,
        model="gpt",
        choices=[Choice(index=0, delta=Delta(content=token))],
    )


CHUNKS = [chunk(token) for token in TOKENS]
TOKEN_FRAMES = [f"data: {each.model_dump_json()}\n\n".encode() for each in CHUNKS]
FRAME = b'data: {"id":1,"name":"item 1","price":1.5}\n\n'

STATM = Path("/proc/self/statm")

app = FastAPI()
RESPONSES: dict[str, Any] = {
    "eventwire": eventwire.fastapi.EventSourceResponse,
    "fastapi.sse": fastapi.sse.EventSourceResponse,
}
EVENTS: dict[str, Any] = {
    "eventwire": eventwire.fastapi.ServerSentEvent,
    "native": eventwire.ServerSentEvent,
    "fastapi.sse": fastapi.sse.ServerSentEvent,
}


def typed(path: str, response_class: Any, items: list[Any]) -> None:
    cls = type(items[0])

    async def stream(n: int) -> AsyncIterable[Any]:
        for number in range(n):
            yield items[number % 100]

    stream.__annotations__["return"] = AsyncIterable[cls]
    app.get(path, response_class=response_class)(stream)


def synchronous(path: str, response_class: Any) -> None:
    @app.get(path, response_class=response_class)
    def stream(n: int) -> Iterable[Item]:
        for number in range(n):
            yield ITEMS[number % 100]


def untyped(path: str, response_class: Any) -> None:
    @app.get(path, response_class=response_class)
    async def stream(n: int):
        for number in range(n):
            yield CHUNKS[number % 100]


def events(path: str, response_class: Any, event_class: Any) -> None:
    @app.get(path, response_class=response_class)
    async def stream(n: int):
        for number in range(n):
            yield event_class(data=ITEMS[number % 100], event="item", id="1")


TOKEN = eventwire.EventTemplate(
    data=CHUNKS[0], slots={"content": ("choices", 0, "delta", "content")}
)


@app.get("/token/template", response_class=eventwire.fastapi.EventSourceResponse)
async def by_template(n: int):
    for number in range(n):
        yield TOKEN(content=TOKENS[number % 100])


@app.get("/token/fastapi.sse", response_class=fastapi.sse.EventSourceResponse)
async def by_chunk(n: int) -> AsyncIterable[Chunk]:
    for number in range(n):
        yield chunk(TOKENS[number % 100])


@app.get("/token/typed", response_class=eventwire.fastapi.EventSourceResponse)
async def by_typed_chunk(n: int) -> AsyncIterable[Chunk]:
    for number in range(n):
        yield chunk(TOKENS[number % 100])


@app.get("/token/StreamingResponse")
async def by_hand(n: int):
    async def frames():
        for number in range(n):
            yield f"data: {chunk(TOKENS[number % 100]).model_dump_json()}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


@app.get("/token/constant")
async def constant(n: int):
    """The floor: frames that are encoded already."""

    async def frames():
        for number in range(n):
            yield TOKEN_FRAMES[number % 100]

    return eventwire.EventSourceResponse(frames())


for name, response_class in RESPONSES.items():
    typed(f"/typed/{name}", response_class, ITEMS)
    typed(f"/chunk/{name}", response_class, CHUNKS)
    synchronous(f"/sync/{name}", response_class)
    untyped(f"/untyped/{name}", response_class)
for name, event_class in EVENTS.items():
    events(f"/events/{name}", RESPONSES.get(name, RESPONSES["eventwire"]), event_class)


@app.get("/typed/StreamingResponse")
async def streaming(n: int):
    async def frames():
        for number in range(n):
            yield f"data: {ITEMS[number % 100].model_dump_json()}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


@app.get("/chunk/StreamingResponse")
async def streaming_chunks(n: int):
    async def frames():
        for number in range(n):
            yield f"data: {CHUNKS[number % 100].model_dump_json()}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


@app.get("/untyped/StreamingResponse")
async def streaming_untyped(n: int):
    async def frames():
        for number in range(n):
            yield f"data: {json.dumps(jsonable_encoder(CHUNKS[number % 100]))}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


@app.get("/typed/sse-starlette")
async def sse_starlette(n: int):
    async def items():
        for number in range(n):
            yield ITEMS[number % 100].model_dump_json()

    return SseStarletteResponse(items(), sep="\n")


class Raw:
    """A raw ASGI loop over constant bytes: the floor."""

    def __init__(self, period: float) -> None:
        self.period = period

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """Send for ever."""
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream")],
        }
        await send(start)
        body = {"type": "http.response.body", "body": FRAME, "more_body": True}
        while True:
            await send(body)
            await asyncio.sleep(self.period)


async def ticks(period: float, item: Any):
    while True:
        yield item
        await asyncio.sleep(period)


@app.get("/paced/raw")
async def paced_raw(period: float):
    return Raw(period)


@app.get("/paced/StreamingResponse")
async def paced_streaming(period: float):
    return StreamingResponse(ticks(period, FRAME), media_type="text/event-stream")


for name, response_class in RESPONSES.items():

    @app.get(f"/paced/{name}", response_class=response_class)
    async def paced(period: float) -> AsyncIterable[Item]:
        while True:
            yield ITEMS[1]
            await asyncio.sleep(period)


@app.get("/paced/sse-starlette")
async def paced_sse_starlette(period: float):
    return SseStarletteResponse(ticks(period, ITEMS[1].model_dump_json()))


@app.get("/usage")
async def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(STATM.read_text().split()[1])  # noqa: ASYNC240  # not a disk
    return {
        "cpu": time.process_time(),
        "user": used.ru_utime,
        "rss": pages * resource.getpagesize(),
        "tasks": len(asyncio.all_tasks()),
    }
