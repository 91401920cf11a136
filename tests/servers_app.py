"""The application of `test_servers.py`: on any server, any loop; it prints what happens in it."""

from __future__ import annotations

import contextlib
import sys
import time

import anyio
import anyio.lowlevel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.routing import Route

from eventwire import EventSourceResponse


def say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def told(name):
    try:
        yield
    finally:
        say(f"{name} closed")


async def idle(name):
    with told(name):
        yield 1
        await anyio.sleep_forever()


async def busy(name):
    count = 0
    with told(name):
        try:
            while True:
                count += 1
                yield "x" * 1000
                await anyio.lowlevel.checkpoint()
        finally:
            say(f"{name} made {count} kB")


def sync(name):
    with told(name):
        number = 0
        while True:
            number += 1
            yield number
            time.sleep(0.01)


async def finite(name):
    with told(name):
        for number in range(1, 4):
            yield number
            await anyio.sleep(0.01)


async def failing(name):
    with told(name):
        yield 1
        raise KeyError("the generator's own")


async def asking(name, request):
    """Ends by itself when the client has left, if it is not closed before."""
    with told(name):
        number = 0
        while not await request.is_disconnected():
            number += 1
            yield number
            await anyio.sleep(0.01)


GENERATORS = [idle, busy, sync, finite, failing]


def endpoint(generator):
    async def answer(request):
        name = f"{generator.__name__} {request.query_params['name']}"
        more = (request,) if generator is asking else ()
        background = BackgroundTask(say, f"{name} background")
        ping = float(request.query_params.get("ping", "15"))
        return EventSourceResponse(
            generator(name, *more), background=background, ping_interval=ping
        )

    return Route(f"/{generator.__name__}", answer)


async def ready(_):
    return Response(status_code=204)


app = Starlette(
    routes=[Route("/ready", ready), *(endpoint(generator) for generator in [*GENERATORS, asking])]
)
