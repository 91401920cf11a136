"""A relay: forwards an upstream's event stream, and the client's leaving.

    python examples/openai_server.py &
    UPSTREAM=http://127.0.0.1:8000 python examples/relay.py     # on port 8001

When a client leaves, the generator is cancelled, which closes the connection to the upstream, so
that it can stop generating. What the upstream answers instead of a stream reaches the client as it
is, with its status.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from httpx_sse import EventSource

from eventwire import EventSourceResponse, ServerSentEvent

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8000")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Share one pool of connections; how long a model may be silent is the upstream's affair."""
    timeout = httpx.Timeout(10, read=None)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=UPSTREAM, timeout=timeout, limits=limits) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


def pool(request: Request) -> httpx.AsyncClient:
    """Return the pool of connections."""
    client: httpx.AsyncClient = request.app.state.client
    return client


async def forwarded(
    client: httpx.AsyncClient, path: str, body: bytes
) -> AsyncIterator[ServerSentEvent]:
    """Yield the upstream's events as they come."""
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    async with client.stream("POST", path, content=body, headers=headers) as response:
        if response.is_error:
            await response.aread()
            raise HTTPException(response.status_code, response.text)
        async for event in EventSource(response).aiter_sse():
            yield ServerSentEvent(
                raw_data=event.data,
                event=None if event.event == "message" else event.event,
                id=event.id or None,
                retry=event.retry,
            )


@app.post("/{path:path}")
async def relay(
    path: str, request: Request, client: Annotated[httpx.AsyncClient, Depends(pool)]
) -> EventSourceResponse:
    """Forward any POST request that is answered by a stream."""
    events = forwarded(client, f"/{path}", await request.body())
    # The status waits for the first event, so that the upstream's 4xx is the client's 4xx.
    return EventSourceResponse(events, wait_for_first_event=True)


if __name__ == "__main__":
    uvicorn.run(app, port=8001)
