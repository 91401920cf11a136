"""The MCP SDK's client, on a server whose answers are streams of ours, with ids and pings."""

import asyncio

import pytest
from either import run
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from eventwire import EventSourceResponse, ServerSentEvent
from servers import Server, wait_until

PING_INTERVAL = 0.1
closed = []


def event(number, **message):
    return ServerSentEvent(
        data={"jsonrpc": "2.0", **message}, event="message", id=f"event-{number}"
    )


async def initialize(params):
    info = {"name": "eventwire", "version": "1"}
    yield {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": info,
    }


async def tools(params):
    names = ["works", "fails", "endless"]
    yield {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]}


async def call(params):
    name = params["name"]
    token = params.get("_meta", {}).get("progressToken")
    try:
        for step in range(3 if name != "endless" else 10**6):
            # Longer than a ping's interval, three times.
            await asyncio.sleep(PING_INTERVAL * 1.5)
            yield event(
                step,
                method="notifications/progress",
                params={"progressToken": token, "progress": step, "message": "Hé\n\u2028"},
            )
        if name == "fails":
            yield {"code": -32000, "message": "no"}
        else:
            yield {"content": [{"type": "text", "text": "döne\n"}], "isError": False}
    finally:
        closed.append(name)


async def answers(message):
    handlers = {"initialize": initialize, "tools/list": tools, "tools/call": call}
    async for item in handlers[message["method"]](message.get("params")):
        if isinstance(item, dict):
            kind = "error" if "code" in item else "result"
            yield event("last", id=message["id"], **{kind: item})
        else:
            yield item


@pytest.fixture(scope="module", params=[False, True], ids=["two line ends", "one"])
def url(request):
    """Serve, with either form of ping."""

    async def mcp(asked):
        if asked.method != "POST":
            return Response(status_code=405)
        message = await asked.json()
        if "id" not in message:
            return Response(status_code=202)
        return EventSourceResponse(
            answers(message), ping_interval=PING_INTERVAL, ping_single_newline=request.param
        )

    with Server(Starlette(routes=[Route("/mcp", mcp, methods=["GET", "POST"])])) as server:
        yield f"http://127.0.0.1:{server.port}/mcp"


async def called(url, name, seen, seconds=20):
    async def progressed(progress, total, message):
        seen.append((progress, message))

    async with (
        streamable_http_client(url) as (read, write, *_),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        call = session.call_tool(name, {}, progress_callback=progressed)
        try:
            return await asyncio.wait_for(call, seconds)
        except (MCPError, TimeoutError) as error:
            return error  # not in the groups of the contexts


def test_a_call_with_progress_and_pauses_is_read_whole(url):
    seen = []
    result = run(called(url, "works", seen))
    assert result.content[0].text == "döne\n"
    assert seen == [(step, "Hé\n\u2028") for step in range(3)]


def test_an_error_is_raised_after_what_came_before(url):
    seen = []
    error = run(called(url, "fails", seen))
    assert isinstance(error, MCPError)
    assert error.error.message == "no"
    assert len(seen) == 3


def test_leaving_a_call_ends_the_generator(url):
    closed.clear()
    assert isinstance(run(called(url, "endless", [], 0.5)), TimeoutError)
    wait_until(lambda: closed, "the generator to end")
    assert closed == ["endless"]
