"""One application, every stream twice: through eventwire and through fastapi.sse.

The two halves share their path operation functions; only `response_class` differs. To serve it
without the demo around it: `uvicorn --app-dir examples/demo application:app`.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Annotated

import fastapi.sse
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

import eventwire.fastapi
from eventwire.fastapi import ServerSentEvent

LIBRARIES: dict[str, type[fastapi.sse.EventSourceResponse]] = {
    "eventwire": eventwire.fastapi.EventSourceResponse,
    "fastapi": fastapi.sse.EventSourceResponse,
}
PAGE = Path(__file__).parent / "page"
ANSWER = (
    "A server-sent event is a line of text that starts with “data:” and an empty line after it. "
    "The server keeps one HTTP response open and writes such events as they happen; "
    "EventSource in the browser hands each to the page at once, as these words reach you now."
)
TOKENS = re.findall(r"\s*\S+", ANSWER)
TOKENS_PER_SECOND = 40


class Item(BaseModel):
    """The item of FastAPI's tutorial."""

    name: str
    description: str | None


class Token(BaseModel):
    """One token of a language model's answer."""

    index: int
    text: str
    logprob: float


class Cpu(BaseModel):
    """Processor time this process has used, user and system."""

    seconds: float


ITEMS = [
    Item(name="Plumbus", description="A multi-purpose household device."),
    Item(name="Portal Gun", description="A portal opening device."),
    Item(name="Meeseeks Box", description="A box that summons a Meeseeks."),
]
chats: Counter[str] = Counter()


def count_chat(request: Request) -> None:
    """Count the requests for chats by path."""
    chats[request.url.path] += 1


async def chat() -> AsyncIterable[ServerSentEvent]:
    """Stream an answer as a language model would, then say that it is complete."""
    for index, text in enumerate(TOKENS):
        token = Token(index=index, text=text, logprob=-0.25)
        yield ServerSentEvent(data=token, id=str(index), retry=1000 if index == 0 else None)
        await asyncio.sleep(1 / TOKENS_PER_SECOND)
    yield ServerSentEvent(event="done", raw_data="[DONE]")


async def items() -> AsyncIterable[Item]:
    """Stream the tutorial's items."""
    for item in ITEMS:
        yield item


async def burst(n: Annotated[int, Query(ge=1, le=200_000)] = 50_000) -> AsyncIterable[Token]:
    """Stream `n` tokens as fast as they can be sent."""
    for index in range(n):
        yield Token(index=index, text=" token", logprob=-0.25)


app = FastAPI(title="eventwire demo")

for library, response_class in LIBRARIES.items():
    router = APIRouter(prefix=f"/{library}", tags=[library])
    router.get("/chat", response_class=response_class, dependencies=[Depends(count_chat)])(chat)
    router.get("/items", response_class=response_class)(items)
    router.get("/burst", response_class=response_class)(burst)
    app.include_router(router)


@app.get("/cpu")
async def cpu() -> Cpu:
    """Say how much processor time the server has used; the difference is what a stream cost."""
    return Cpu(seconds=time.process_time())


@app.get("/chats")
async def chat_requests() -> dict[str, int]:
    """Say how often each chat was requested."""
    return chats


app.mount("/", StaticFiles(directory=PAGE, html=True))
