"""A server of the MCP SDK as anybody writes it, with our drop-in beneath."""

import os

import eventwire.sse_starlette

eventwire.sse_starlette.install()

import anyio  # noqa: E402  # the SDK binds names of sse_starlette when it is imported
from ag_ui.core import EventType, TextMessageContentEvent  # noqa: E402
from ag_ui.encoder import EventEncoder  # noqa: E402
from mcp.server.mcpserver import Context, MCPServer  # noqa: E402
from sse_starlette.sse import EventSourceResponse  # noqa: E402
from starlette.responses import Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

assert EventSourceResponse.__module__ == "eventwire.sse_starlette.sse"
EventSourceResponse.DEFAULT_PING_INTERVAL = 0.1
server = MCPServer("eventwire")


@server.tool()
async def count(to: int, context: Context) -> str:
    """Count, with a pause longer than three pings."""
    for number in range(to):
        await anyio.sleep(0.35 if number == 1 else 0.01)
        await context.report_progress(number, to, f"Hé {number}\n\u2028")
    return f"counted to {to}"


async def ready(_):
    return Response(status_code=204)


async def agui(_):
    """An endpoint of AG-UI: its encoder makes texts, which are frames."""
    encoder = EventEncoder()

    async def events():
        for delta in ("Hé", "llo\n"):
            event = TextMessageContentEvent(
                type=EventType.TEXT_MESSAGE_CONTENT, message_id="m", delta=delta
            )
            yield encoder.encode(event).encode()
            await anyio.sleep(0.25)

    return EventSourceResponse(events())


streamable = server.streamable_http_app()
app = streamable if os.environ["TRANSPORT"] == "streamable" else server.sse_app()
app.router.routes += [Route("/ready", ready), Route("/agui", agui)]
