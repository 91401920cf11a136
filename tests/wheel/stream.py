"""Streams from an installed wheel: run in an environment that has nothing but it and uvicorn."""

from __future__ import annotations

import socket
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI evaluates annotations
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

import eventwire
from eventwire.fastapi import EventSourceResponse


class Item(BaseModel):
    name: str


app = FastAPI()


@app.get("/", response_class=EventSourceResponse)
async def items() -> AsyncIterable[Item]:
    for name in ("a", "b"):
        yield Item(name=name)


def main() -> None:
    """Serve on a free port, read, compare."""
    assert Path(sys.prefix) in Path(eventwire.__file__).parents, eventwire.__file__
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "uvicorn did not start"
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with urllib.request.urlopen(url, timeout=5) as answer:
        body = answer.read()
    server.should_exit = True
    thread.join(5)
    assert body == b'data: {"name":"a"}\n\ndata: {"name":"b"}\n\n', body


if __name__ == "__main__":
    main()
