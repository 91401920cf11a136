"""Streams that have gone wrong in production, for a uvicorn process of its own."""

import asyncio
import resource
import threading
import time
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route

from eventwire import EventSourceResponse

COUNTS = {"open": 0, "closed": 0}


def answering(response):
    async def endpoint(request):
        return response(request)

    return endpoint


async def busy():
    COUNTS["open"] += 1
    try:
        while True:
            yield "busy"
    finally:
        COUNTS["closed"] += 1


async def idle():
    COUNTS["open"] += 1
    try:
        yield "first"
        await asyncio.Event().wait()
    finally:
        COUNTS["closed"] += 1


async def finite():
    COUNTS["open"] += 1
    try:
        for number in range(20):
            yield number
    finally:
        COUNTS["closed"] += 1


def slow_sync():
    COUNTS["open"] += 1
    try:
        while True:
            yield "busy"
    finally:
        COUNTS["closed"] += 1


async def large():
    COUNTS["open"] += 1
    try:
        while True:
            yield "x" * 10_000
            await asyncio.sleep(0)
    finally:
        COUNTS["closed"] += 1


async def probe(request):
    return PlainTextResponse("here")


def sync_probe(request):
    return PlainTextResponse("here")


async def usage(request):
    statm = Path("/proc/self/statm").read_text().split()
    return JSONResponse(
        {
            **COUNTS,
            "cpu": time.process_time(),
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "files": len(list(Path("/proc/self/fd").iterdir())),
            "rss": int(statm[1]) * resource.getpagesize(),
        }
    )


def nested(count):
    """Return the same stream behind so many BaseHTTPMiddleware."""

    async def passes(request, call_next):
        return await call_next(request)

    routes = [Route("/", answering(lambda _: EventSourceResponse(idle())))]
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=passes) for _ in range(count)]
    return Starlette(routes=routes, middleware=middleware)


STREAMS = {"busy": busy, "idle": idle, "finite": finite, "sync": slow_sync, "large": large}

app = Starlette(
    routes=[
        *[
            Route(f"/{name}", answering(lambda _, stream=stream: EventSourceResponse(stream())))
            for name, stream in STREAMS.items()
        ],
        Route(
            "/background",
            answering(lambda _: EventSourceResponse(idle(), background=BackgroundTask(int))),
        ),
        *[Mount(f"/nested/{count}", nested(count)) for count in (0, 1, 4)],
        Route("/probe", probe),
        Route("/sync-probe", sync_probe),
        Route("/usage", usage),
    ]
)
