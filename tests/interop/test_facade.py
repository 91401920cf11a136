"""The MCP SDK's servers on `eventwire.sse_starlette`, its own clients, and AG-UI: real sockets."""

import asyncio
import contextlib
import json
import sys

import httpx
import httpx_sse
import pytest
from either import run
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from processes import HERE, Process
from servers import wait_until

CLIENTS = {"streamable": (streamable_http_client, "/mcp"), "sse": (sse_client, "/sse")}


@pytest.fixture(scope="module", params=CLIENTS)
def server(request, tmp_path_factory):
    path = f"{HERE}:{HERE / 'interop'}"
    command = [sys.executable, "-m", "uvicorn", "mcp_server:app", "--port", "PORT"]
    folder = tmp_path_factory.mktemp("mcp")
    with Process(*command, folder=folder, PYTHONPATH=path, TRANSPORT=request.param) as process:
        process.transport = request.param
        yield process


async def counted(server, to, seconds=20):
    """Connect, call the tool; return its result, or None after the time, and the progress seen."""
    connect, path = CLIENTS[server.transport]
    seen, result = [], None

    async def progressed(progress, total, message):
        seen.append((progress, total, message))

    async with (
        connect(f"http://127.0.0.1:{server.port}{path}") as (read, write, *_),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        call = session.call_tool("count", {"to": to}, progress_callback=progressed)
        with contextlib.suppress(TimeoutError):
            result = await asyncio.wait_for(call, seconds)
    return result, seen


def test_a_call_with_progress_and_pings_is_read_whole(server):
    """And again on a new connection."""
    for _ in range(2):
        result, seen = run(counted(server, 3))
        assert result.content[0].text == "counted to 3"
        assert seen == [(number, 3, f"Hé {number}\n\u2028") for number in range(3)]


def test_many_sessions_at_once_are_kept_apart(server):
    async def all_of_them():
        return await asyncio.gather(*(counted(server, 2 + number % 3) for number in range(20)))

    for number, (result, seen) in enumerate(run(all_of_them())):
        assert result.content[0].text == f"counted to {2 + number % 3}"
        assert len(seen) == 2 + number % 3


def test_leaving_in_the_middle_of_a_call_cancels_nothing_else(server):
    """The session is gone; the next one works, and no error is logged."""
    # Of the client's own complaints about what it leaves unread.
    with contextlib.suppress(BaseExceptionGroup):
        result, seen = run(counted(server, 10_000, 0.6))
        assert result is None
        assert seen
    result, _ = run(counted(server, 2))
    assert result.content[0].text == "counted to 2"
    wait_until(lambda: "Traceback" not in server.log, "no error", 1)


def test_an_endpoint_of_ag_ui_is_read_whole(server):
    """Frames as texts that were encoded, with pings between them."""
    with (
        httpx.Client() as client,
        httpx_sse.connect_sse(client, "GET", f"http://127.0.0.1:{server.port}/agui") as source,
    ):
        deltas = [json.loads(event.data)["delta"] for event in source.iter_sse()]
    assert deltas == ["Hé", "llo\n"]


def test_the_servers_stop_ends_its_streams(server):
    """The module's last test: within a second, though a session is open."""
    connect, path = CLIENTS[server.transport]
    took = []

    async def open_and_stop():
        async with (
            connect(f"http://127.0.0.1:{server.port}{path}") as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            took.append(await asyncio.to_thread(server.stop))

    with contextlib.suppress(BaseExceptionGroup):  # as above, of the lost connection
        run(open_and_stop())
    assert took[0] < 1
