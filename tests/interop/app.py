"""The application that the clients judge: every protocol, and a scenario in each path.

``/CLIENT/SCENARIO/v1/chat/completions`` and so on; CLIENT only keeps the streams apart that are
still open, in ``closed``. All ids and times are fixed, so that an answer can be compared.
"""

from __future__ import annotations

import asyncio
import collections
import time

from starlette.applications import Starlette
from starlette.routing import Route

from eventwire.ai import (
    Finish,
    ToolCall,
    Usage,
    anthropic_messages_stream,
    openai_chat_stream,
    openai_responses_stream,
    ui_message_stream,
)

PING_INTERVAL = 0.1
TEXT = ["Hé", "llo, ", "wörld\n", "data: 🎈\n\n", "\u2028 and \u0085", "end"]
ARGUMENTS = ['{"city": "Pa', 'ris", "unit"', ': "celsius"}']

closed: dict[str, float] = {}
"""When the generator of a path's stream had ended."""

pings: collections.Counter[str] = collections.Counter()
"""How many keep-alive messages were sent on a path."""


async def conversation(path):
    for text in TEXT:
        yield text
        await asyncio.sleep(0.005)
    yield Finish(usage=Usage(3, 4))


async def pause(path):
    yield "before"
    enough = pings[path] + 3
    async with asyncio.timeout(20):
        while pings[path] < enough:
            await asyncio.sleep(PING_INTERVAL / 4)
    yield ", after"


async def tool(path):
    yield "Let me look."
    yield ToolCall(id="call_1", name="get_weather")
    for part in ARGUMENTS:
        yield ToolCall(id="call_1", arguments=part)
        await asyncio.sleep(0.005)


async def error(path):
    yield "before"
    raise RuntimeError("secret")


async def failing_at_first(path):
    raise RuntimeError("secret")
    yield


async def endless(path):
    try:
        while True:
            yield "token "
            await asyncio.sleep(0.02)
    finally:
        closed[path] = time.monotonic()


SCENARIOS = {
    "conversation": conversation,
    "pause": pause,
    "tool": tool,
    "error": error,
    "failing_at_first": failing_at_first,
    "endless": endless,
}


def chat(tokens):
    return openai_chat_stream(tokens, model="m", id="chatcmpl-1", created=1, include_usage=True)


def responses(tokens):
    return openai_responses_stream(tokens, model="m", id="resp_1", created_at=1)


def messages(tokens):
    return anthropic_messages_stream(tokens, model="m", id="msg_1", input_tokens=3)


def ui(tokens):
    return ui_message_stream(tokens, id="ui-1")


PROTOCOLS = {
    "v1/chat/completions": chat,
    "v1/responses": responses,
    "v1/messages": messages,
    "ui": ui,
}


class Counted:
    """A response whose pings are counted as they are sent."""

    def __init__(self, response, path):
        self.response, self.path = response, path

    async def __call__(self, scope, receive, send):
        async def counting(message):
            body = message.get("body", b"")
            pings[self.path] += body.count(b": ping\n")  # also of "event: ping"
            await send(message)

        await self.response(scope, receive, counting)


def endpoint(stream):
    async def answer(request):
        scenario, path = request.path_params["scenario"], request.url.path
        response = stream(SCENARIOS[scenario](path)).response(ping_interval=PING_INTERVAL)
        return Counted(response, path) if scenario == "pause" else response

    return answer


app = Starlette(
    routes=[
        Route(f"/{{client}}/{{scenario}}/{path}", endpoint(stream), methods=["GET", "POST"])
        for path, stream in PROTOCOLS.items()
    ]
)
