"""What the soak asks for: streams of three makes and three ends, and the server's own usage."""

import asyncio
import ctypes
import gc
import os
import resource
import threading
import time
from collections.abc import AsyncIterable
from pathlib import Path

from anyio._backends._asyncio import WorkerThread
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import eventwire.fastapi
from eventwire import EventSourceResponse

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

# Instead of after 10 s; AnyIO looks for idle threads when it runs the next function in one.
WorkerThread.MAX_IDLE_TIME = 0.3

LIBC = ctypes.CDLL("libc.so.6")

COUNTS = {"open": 0, "closed": 0, "callbacks": 0}
LOCK = threading.Lock()  # sync generators count in worker threads

if os.environ.get("EVENTWIRE_COUNT_CALLBACKS"):
    run = asyncio.Handle._run

    def counted(handle):
        COUNTS["callbacks"] += 1
        return run(handle)

    asyncio.Handle._run = counted


class Count:
    """Counts the body of a generator, as a context."""

    def __enter__(self):
        with LOCK:
            COUNTS["open"] += 1

    def __exit__(self, *_):
        with LOCK:
            COUNTS["closed"] += 1


class Item(BaseModel):
    text: str


async def finite(item, count):
    with Count():
        for _ in range(count):
            yield item


async def idle(item):
    with Count():
        yield item
        await asyncio.Event().wait()


async def endless(item):
    with Count():
        while True:
            yield item


def sync_finite(item, count):
    with Count():
        for _ in range(count):
            yield item


def sync_idle(item):
    """Come back now and then: a thread that waits for ever could not be closed."""
    with Count():
        while True:
            yield item
            time.sleep(0.02)


def sync_endless(item):
    with Count():
        while True:
            yield item


def stream(asynchronous, synchronous):
    """Return two endpoints of Starlette, whose item is `size` letters long."""

    def endpoint(make):
        async def answer(request):
            query = request.query_params
            count = [int(query["count"])] if "count" in query else []
            ping = {"ping_interval": None} if "silent" in query else {}
            return EventSourceResponse(make("x" * int(query["size"]), *count), **ping)

        return answer

    return endpoint(asynchronous), endpoint(synchronous)


async def usage(request):
    """Say what the process holds, this request included."""
    gc.collect()
    LIBC.malloc_trim(0)  # what is free goes back to the system
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return JSONResponse(
        {
            **COUNTS,
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "files": len(list(Path("/proc/self/fd").iterdir())),
            "rss": pages * resource.getpagesize(),
        }
    )


async def ready(request):
    return Response(status_code=204)


routes = [Route("/usage", usage), Route("/ready", ready)]
for name, pair in {
    "finite": (finite, sync_finite),
    "idle": (idle, sync_idle),
    "endless": (endless, sync_endless),
}.items():
    asynchronous, synchronous = stream(*pair)
    routes += [Route(f"/async/{name}", asynchronous), Route(f"/sync/{name}", synchronous)]

app = FastAPI(routes=routes)


class Silent(eventwire.fastapi.EventSourceResponse):
    ping_interval = None


@app.get("/typed/finite", response_class=eventwire.fastapi.EventSourceResponse)
async def typed_finite(size: int, count: int) -> AsyncIterable[Item]:
    item = Item(text="x" * size)
    with Count():
        for _ in range(count):
            yield item


@app.get("/typed/idle", response_class=eventwire.fastapi.EventSourceResponse)
async def typed_idle(size: int) -> AsyncIterable[Item]:
    with Count():
        yield Item(text="x" * size)
        await asyncio.Event().wait()


@app.get("/typed-silent/idle", response_class=Silent)
async def typed_silent(size: int) -> AsyncIterable[Item]:
    with Count():
        yield Item(text="x" * size)
        await asyncio.Event().wait()


@app.get("/typed/endless", response_class=eventwire.fastapi.EventSourceResponse)
async def typed_endless(size: int) -> AsyncIterable[Item]:
    item = Item(text="x" * size)
    with Count():
        while True:
            yield item
