"""Streams whose events say when they were made, to be read through a proxy."""

import asyncio
import os
import time
from collections.abc import AsyncIterable

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import Route

import eventwire.fastapi
from eventwire import EventSourceResponse

PACE = float(os.environ["PACE"])
"""Seconds between two events."""


class Made(BaseModel):
    at: float


async def events():
    for _ in range(20):
        yield {"at": time.monotonic()}
        await asyncio.sleep(PACE)


async def starlette(request):
    return EventSourceResponse(events())


async def ready(request):
    return Response(status_code=204)


app = FastAPI(routes=[Route("/ready", ready), Route("/starlette", starlette)])


@app.get("/fastapi", response_class=eventwire.fastapi.EventSourceResponse)
async def typed() -> AsyncIterable[Made]:
    async for event in events():
        yield Made(**event)
