"""The application of `test_shutdown_servers.py`: it prints what happens in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from fastapi import Depends, FastAPI, Response

from eventwire import EventSourceResponse, ServerSentEvent


def say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI):
    yield
    say("lifespan ended")


app = FastAPI(lifespan=lifespan)


async def idle():
    try:
        yield 1
        await asyncio.Event().wait()
    finally:
        say("closing")
        await asyncio.sleep(0.01)
        say("closed")


async def finite():
    yield 1
    await asyncio.sleep(float(os.environ.get("SECONDS", "1")))
    yield 2
    say("complete")


class Polite(EventSourceResponse):
    shutdown_grace_period = 0.3

    def farewell(self):
        return ServerSentEvent(event="bye")


class Patient(EventSourceResponse):
    drain_on_shutdown = False


class Slow(EventSourceResponse):
    shutdown_grace_period = 30


async def dependency():
    say("asked")
    await asyncio.sleep(0.7)
    try:
        yield
    finally:
        say("dependency ended")


@app.get("/ready", status_code=204)
async def ready() -> Response:
    return Response(status_code=204)


@app.get("/idle")
async def get_idle():
    return EventSourceResponse(idle())


async def hidden(scope, receive, send):
    """A middleware that hides whose `send` it is."""

    async def sends(message):
        await send(message)

    await EventSourceResponse(idle())(scope, receive, sends)


app.mount("/hidden", hidden)


@app.get("/polite")
async def get_polite():
    return Polite(idle())


@app.get("/patient")
async def get_patient():
    return Patient(finite())


@app.get("/slow")
async def get_slow():
    return Slow(idle())


@app.get("/dependency", dependencies=[Depends(dependency)])
async def get_dependency():
    return EventSourceResponse(idle())
