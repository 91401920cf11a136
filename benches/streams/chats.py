"""A chat server written thrice: with eventwire.ai, with fastapi.sse, with a StreamingResponse.

All send what OpenAI's API does, token by token. A token's text says when it was due: µs of Unix
time.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import fastapi.sse
from fastapi import APIRouter
from payloads import Choice, Chunk, Delta
from starlette.responses import StreamingResponse

from eventwire.ai import openai_chat_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

router = APIRouter(prefix="/chat")


async def model(n: int, period: float) -> AsyncIterator[str]:
    """The tokens (n; 0: for ever), each at its time, or at once."""
    offset = time.time() - time.monotonic()
    due = time.monotonic()
    for number in range(n) if n else itertools.count():
        yield str(int((due + offset) * 1e6) if period else number)
        if period:
            due += period
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def chunks(n: int, period: float) -> AsyncIterator[str]:
    """The JSON of the chunks of an answer, as a server makes them by hand."""

    def dump(delta: Delta, finish_reason: str | None = None) -> str:
        choice = Choice(index=0, delta=delta, finish_reason=finish_reason)
        chunk = Chunk(
            id="chatcmpl-1", object="chat.completion.chunk", created=1_700_000_000, model="gpt",
            choices=[choice],
        )  # fmt: skip
        return chunk.model_dump_json(exclude_unset=True)

    yield dump(Delta(role="assistant", content=""))
    async for token in model(n, period):
        yield dump(Delta(content=token))
    yield dump(Delta(), "stop")
    yield "[DONE]"


@router.get("/eventwire")
async def by_eventwire(n: int, period: float = 0):
    tokens = model(n, period)
    stream = openai_chat_stream(tokens, model="gpt", id="chatcmpl-1", created=1_700_000_000)
    return stream.response()


@router.get("/fastapi.sse", response_class=fastapi.sse.EventSourceResponse)
async def by_fastapi(n: int, period: float = 0):
    async for text in chunks(n, period):
        yield fastapi.sse.ServerSentEvent(raw_data=text)


@router.get("/StreamingResponse")
async def by_hand(n: int, period: float = 0):
    async def frames():
        async for text in chunks(n, period):
            yield f"data: {text}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")
