"""A relay: forwards an upstream's event stream, and the client's leaving.

    python examples/openai_server.py &
    UPSTREAM=http://127.0.0.1:8000 python examples/relay.py     # on port 8001

When a client leaves, the generator is cancelled, which closes the connection to the upstream, so
that it can stop generating. What the upstream answers instead of a stream reaches the client as it
is, with its status; if it cannot be reached the answer is 502. If it fails later the client's
connection is cut, too: an answer without its end.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from httpx_sse import EventSource

from eventwire import EventSourceResponse, ServerSentEvent

FORWARDED = ("content-type", "authorization", "x-api-key", "anthropic-version")
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


class NoStream(Exception):  # noqa: N818
    """The upstream answered, but not with a stream."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer)
        self.answer = answer


@app.exception_handler(NoStream)
def as_it_is(request: Request, error: NoStream) -> Response:
    """Pass on what the upstream answered."""
    answer = error.answer
    return Response(
        answer.content, answer.status_code, media_type=answer.headers.get("content-type")
    )


@app.exception_handler(httpx.TransportError)
def bad_gateway(request: Request, error: httpx.TransportError) -> Response:
    """Answer for an upstream that does not."""
    return JSONResponse({"error": {"message": "the upstream does not answer"}}, 502)


def pool(request: Request) -> httpx.AsyncClient:
    """Return the pool of connections."""
    client: httpx.AsyncClient = request.app.state.client
    return client


async def forwarded(
    client: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str]
) -> AsyncIterator[ServerSentEvent]:
    """Yield the upstream's events as they come."""
    async with client.stream("POST", path, content=body, headers=headers) as response:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            await response.aread()
            raise NoStream(response)
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
    """Forward any POST request, and its answer."""
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    events = forwarded(client, f"/{path}", await request.body(), headers)
    # The status waits for the first event; until then the handlers above may answer instead.
    return EventSourceResponse(events, wait_for_first_event=True)


if __name__ == "__main__":
    uvicorn.run(app, port=8001)
