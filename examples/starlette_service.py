"""A service without FastAPI: a clock for every client, and a word of farewell.

python examples/starlette_service.py
curl -N '127.0.0.1:8000/clock?every=0.5'     # then stop the server with Ctrl-C
"""

import asyncio
import contextlib
import itertools
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from eventwire import EventSourceResponse, ServerSentEvent


async def ticks(every: float) -> AsyncIterator[ServerSentEvent]:
    """Tell the time, for ever."""
    for number in itertools.count(1):
        now = datetime.now(UTC)
        yield ServerSentEvent(data={"n": number, "now": now}, event="tick", id=str(number))
        await asyncio.sleep(every)


def farewell() -> ServerSentEvent:
    """Ask the clients to come back in 2 s, when the server has been started again."""
    return ServerSentEvent(event="restart", data={}, retry=2000)


async def clock(request: Request) -> Response:
    """Stream the time every so many seconds."""
    every = math.nan
    with contextlib.suppress(ValueError):
        every = float(request.query_params.get("every", "1"))
    if not 0 < every <= 60:  # noqa: PLR2004  # a minute
        return PlainTextResponse("'every' must be a number of seconds, up to 60", 400)
    return EventSourceResponse(ticks(every), farewell=farewell, ping_interval=5.0)


app = Starlette(routes=[Route("/clock", clock)])

if __name__ == "__main__":
    uvicorn.run(app)
