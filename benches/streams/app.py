"""The contenders under FastAPI and Starlette: `/<payload>/<contender>?n=…&period=…`.

Each is written as its documentation recommends, and streams the same objects.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterable, Iterable
from typing import Any

import chats
import fastapi.sse
import orjson
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from payloads import (
    CHUNKS,
    FRAME,
    ITEMS,
    TEXTS,
    TOKEN_FRAMES,
    Chunk,
    Item,
    Pace,
    burst,
    chunk,
    sized,
    stream,
)
from sse_starlette import EventSourceResponse as SseStarletteResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

import eventwire
import eventwire.fastapi
import eventwire.sse_starlette

app = FastAPI()
app.include_router(chats.router)
PAYLOADS: dict[str, tuple[Any, list[Any]]] = {"item": (Item, ITEMS), "chunk": (Chunk, CHUNKS)}
RESPONSES: dict[str, Any] = {
    "eventwire": eventwire.fastapi.EventSourceResponse,
    "fastapi.sse": fastapi.sse.EventSourceResponse,
}
EVENTS: dict[str, Any] = {
    "eventwire": (eventwire.fastapi.EventSourceResponse, eventwire.fastapi.ServerSentEvent),
    "eventwire native": (eventwire.fastapi.EventSourceResponse, eventwire.ServerSentEvent),
    "fastapi.sse": (fastapi.sse.EventSourceResponse, fastapi.sse.ServerSentEvent),
}


def typed(path: str, response_class: Any, cls: Any, items: list[Any]) -> None:
    async def endpoint(n: int, period: float = 0) -> AsyncIterable[Any]:
        pace = Pace(period)
        for item in pace.items(items, n):
            yield item
            if period:
                await pace.next()

    endpoint.__annotations__["return"] = AsyncIterable[cls]
    app.get(path, response_class=response_class)(endpoint)


def synchronous(path: str, response_class: Any) -> None:
    @app.get(path, response_class=response_class)
    def endpoint(n: int) -> Iterable[Item]:
        yield from burst(ITEMS, n)


def untyped(path: str, response_class: Any) -> None:
    @app.get(path, response_class=response_class)
    async def endpoint(n: int):
        for item in burst(CHUNKS, n):
            yield item


def events(path: str, response_class: Any, event_class: Any) -> None:
    @app.get(path, response_class=response_class)
    async def endpoint(n: int):
        for item in burst(ITEMS, n):
            yield event_class(data=item, event="item", id="1")


def frames(path: str, items: list[Any], frame: Any) -> None:
    """A StreamingResponse, by hand."""

    @app.get(path)
    async def endpoint(n: int, period: float = 0):
        async def made():
            pace = Pace(period)
            for item in pace.items(items, n):
                yield frame(item)
                if period:
                    await pace.next()

        return StreamingResponse(made(), media_type="text/event-stream")


for name, response_class in RESPONSES.items():
    for payload, (cls, items) in PAYLOADS.items():
        typed(f"/{payload}/{name}", response_class, cls, items)
    synchronous(f"/sync/{name}", response_class)
    untyped(f"/untyped/{name}", response_class)
for name, (response_class, event_class) in EVENTS.items():
    events(f"/event/{name}", response_class, event_class)

for payload, (_, items) in PAYLOADS.items():
    frames(f"/{payload}/StreamingResponse", items, lambda x: f"data: {x.model_dump_json()}\n\n")
    frames(
        f"/{payload}/StreamingResponse orjson",
        items,
        lambda x: b"data: " + orjson.dumps(x.model_dump()) + b"\n\n",
    )
frames(
    "/untyped/StreamingResponse", CHUNKS, lambda x: f"data: {json.dumps(jsonable_encoder(x))}\n\n"
)
frames("/constant/StreamingResponse", ITEMS, lambda _: FRAME)


TOKEN = eventwire.EventTemplate(
    data=CHUNKS[0], slots={"content": ("choices", 0, "delta", "content")}
)


@app.get("/token/eventwire template", response_class=eventwire.fastapi.EventSourceResponse)
async def by_template(n: int):
    for text in burst(TEXTS, n):
        yield TOKEN(content=text)


@app.get("/token/constant frames", response_class=eventwire.fastapi.EventSourceResponse)
async def constant_frames(n: int):
    """The floor: frames that are encoded already."""

    async def made():
        for frame in burst(TOKEN_FRAMES, n):
            yield frame

    return eventwire.EventSourceResponse(made())


def tokens(path: str, response_class: Any) -> None:
    """A chunk made for each token, as servers do."""

    @app.get(path, response_class=response_class)
    async def endpoint(n: int) -> AsyncIterable[Chunk]:
        for number in range(n):
            yield chunk(number % 100)


for name, response_class in RESPONSES.items():
    tokens(f"/token/{name}", response_class)


@app.get("/token/StreamingResponse")
async def tokens_by_hand(n: int):
    async def made():
        for number in range(n):
            yield f"data: {chunk(number % 100).model_dump_json()}\n\n"

    return StreamingResponse(made(), media_type="text/event-stream")


def starlette(path: str, items: list[Any], response: Any) -> None:
    async def endpoint(request: Any) -> Any:
        n, period = int(request.query_params["n"]), float(request.query_params.get("period", 0))
        return response(stream(items, n, period))

    app.router.routes.append(Route(path, endpoint))


def facade(path: str, items: list[Any], response_class: Any) -> None:
    """Items as texts, in sse-starlette's response or in ours under that name."""

    async def endpoint(request: Any) -> Any:
        n, period = int(request.query_params["n"]), float(request.query_params.get("period", 0))

        async def texts():
            pace = Pace(period)
            for item in pace.items(items, n):
                yield item.model_dump_json()
                if period:
                    await pace.next()

        return response_class(texts(), sep="\n")

    app.router.routes.append(Route(path, endpoint))


FACADES: dict[str, Any] = {
    "eventwire.sse_starlette": eventwire.sse_starlette.EventSourceResponse,
    "sse-starlette": SseStarletteResponse,
}
DICTS = [{"data": item.model_dump_json(), "event": "item", "id": str(item.id)} for item in ITEMS]
FRAMES = [f"data: {item.model_dump_json()}\n\n".encode() for item in ITEMS]
for name, response_class in FACADES.items():
    starlette(f"/dicts/{name}", DICTS, lambda source, cls=response_class: cls(source, sep="\n"))
    starlette(f"/frames/{name}", FRAMES, response_class)
    for payload, (_, items) in PAYLOADS.items():
        facade(f"/{payload}/{name}", items, response_class)
for payload, (_, items) in PAYLOADS.items():
    starlette(f"/{payload}/eventwire Starlette", items, eventwire.EventSourceResponse)


@app.get("/text/eventwire", response_class=eventwire.fastapi.EventSourceResponse)
async def text(n: int, size: int) -> AsyncIterable[str]:
    for item in burst(sized(size), n):
        yield item


@app.get("/text/fastapi.sse", response_class=fastapi.sse.EventSourceResponse)
async def their_text(n: int, size: int) -> AsyncIterable[str]:
    for item in burst(sized(size), n):
        yield item


@app.get("/text/StreamingResponse orjson")
async def orjson_text(n: int, size: int):
    async def made():
        for item in burst(sized(size), n):
            yield b"data: " + orjson.dumps(item) + b"\n\n"

    return StreamingResponse(made(), media_type="text/event-stream")


async def passes(request: Any, call_next: Any) -> Any:
    """A middleware that does nothing."""
    return await call_next(request)


# How many layers of middleware there are; each body message passes through all of them.
for _ in range(int(os.environ.get("LAYERS", "0"))):
    app.add_middleware(BaseHTTPMiddleware, dispatch=passes)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """The floor: constant bytes from a loop around ``send``, with nothing around it."""
    query = dict(pair.split("=") for pair in scope["query_string"].decode().split("&"))
    n, period = int(query["n"]), float(query.get("period", 0))
    await receive()
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # uvicorn's `send` goes on saying nothing when the client has left.
    left = asyncio.ensure_future(receive())
    pace = Pace(period)
    for _ in pace.items(ITEMS, n):
        if left.done():
            return
        await send({"type": "http.response.body", "body": FRAME, "more_body": True})
        if period:
            await pace.next()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    left.cancel()


async def contenders(scope: Any, receive: Any, send: Any) -> None:
    """What the server runs."""
    if scope["type"] == "http" and scope["path"] == "/constant/raw ASGI":
        await raw(scope, receive, send)
    elif scope["type"] == "http" and scope["path"] == "/tasks":
        count = PlainTextResponse(str(len(asyncio.all_tasks())))
        await count(scope, receive, send)
    else:
        await app(scope, receive, send)
