"""Streams that wait, and responses with options, for tests of how streams end."""

from __future__ import annotations

import asyncio
import time

from asgi import Wire, start, until
from eventwire import EventSourceResponse


async def idle(events):
    try:
        yield 1
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        events.append("closed")


def sync_idle(events):
    try:
        while True:
            yield 1
            time.sleep(0.01)
    finally:
        events.append("closed")


def response(content, **options):
    """Make a response with options, which are attributes of its class."""
    options = {
        name: staticmethod(option) if name == "farewell" else option
        for name, option in options.items()
    }
    return type("Response", (EventSourceResponse,), options)(content)


async def opened(content, **options):
    """Start a response and wait for its first event."""
    wire = Wire()
    task = start(response(content, **options), wire)
    await until(lambda: wire.body)
    return wire, task
