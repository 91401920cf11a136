"""Notifications that no client misses: those who reconnect say what they have seen.

    python examples/notifications.py
    curl -N 127.0.0.1:8000/notifications                      # in one terminal
    curl 127.0.0.1:8000/notifications --json '{"text": "hi"}'  # in another

A browser's EventSource reconnects by itself and sends ``Last-Event-ID``; with curl:
``-H 'Last-Event-ID: 3'``. The last 1,000 notifications are kept in memory, so this is for one
process; ids start anew when it does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header
from pydantic import BaseModel

from eventwire.fastapi import EventSourceResponse, ServerSentEvent

app = FastAPI()


class Notification(BaseModel):
    """What is told."""

    text: str


class Board:
    """The latest notifications, and those who wait for the next one."""

    def __init__(self, size: int = 1000) -> None:
        self._latest: deque[tuple[int, Notification]] = deque(maxlen=size)
        self._number = 0
        self._changed = asyncio.Event()

    def post(self, notification: Notification) -> int:
        """Add a notification; return its number."""
        self._number += 1
        self._latest.append((self._number, notification))
        # Everyone who waits is woken; the next ones wait for another event.
        self._changed.set()
        self._changed = asyncio.Event()
        return self._number

    async def since(self, seen: int) -> AsyncIterable[tuple[int, Notification]]:
        """Yield the notifications after ``seen``, then each new one."""
        if seen > self._number:
            seen = 0  # from before a restart
        while True:
            changed = self._changed
            for number, notification in list(self._latest):
                if number > seen:
                    seen = number
                    yield number, notification
            # Something may have been posted while a client was slow.
            if seen == self._number:
                await changed.wait()


board = Board()


@app.post("/notifications")
async def post(notification: Notification) -> int:
    """Tell everyone."""
    return board.post(notification)


@app.get("/notifications", response_class=EventSourceResponse)
async def notifications(
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> AsyncIterable[ServerSentEvent]:
    """Stream what the client has not seen."""
    yield ServerSentEvent(comment="welcome", retry=1000)
    async for number, notification in board.since(last_event_id):
        yield ServerSentEvent(data=notification, event="notification", id=str(number))


if __name__ == "__main__":
    uvicorn.run(app)
