"""What the demo shows in the terminal: a chat, the wire, a table."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import TYPE_CHECKING

import httpx
import measure
from httpx_sse import connect_sse

if TYPE_CHECKING:
    from server import Server


def show(server: Server, events: int, rounds: int) -> None:
    """Show all of it."""
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        print(f"GET {server.url}/eventwire/chat, token by token:\n", flush=True)
        show_chat(client)
        print(f"\nGET {server.url}/eventwire/items, the tutorial's items on the wire:\n")
        print(client.get("/eventwire/items").text.rstrip("\n"))
    print(f"\nGET {server.url}/…/burst?n={events}, one client:\n", flush=True)
    show_table(server, events, rounds)


def show_chat(client: httpx.Client) -> None:
    """Print the chat's tokens as they arrive."""
    with connect_sse(client, "GET", "/eventwire/chat") as source:
        for event in source.iter_sse():
            if event.event == "done":
                break
            print(json.loads(event.data)["text"], end="", flush=True)
    print()


def show_table(server: Server, events: int, rounds: int) -> None:
    """Measure both libraries and print the table."""
    with measure.cores_apart(server.pid) as apart:
        samples = measure.sample_rounds(server.port, events, rounds)
    for line in measure.table(samples):
        print(line)
    versions = [f"{name} {metadata.version(name)}" for name in ("fastapi", "uvicorn", "uvloop")]
    cores = "server and client on a core each" if apart else "cores not set apart"
    print(f"\nMedian (lowest-highest) of {rounds} rounds, {cores};")
    print(f"Python {platform.python_version()}, {', '.join(versions)}, typed items.", flush=True)
