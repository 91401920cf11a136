"""A log file, live, from a plain generator: no asyncio in sight.

    LOG_FILE=/var/log/dpkg.log python examples/live_logs.py
    curl -N 127.0.0.1:8000/logs

The id of each line is its end in the file, so that a browser that reconnects goes on where it was.

Sync generators run in worker threads, of which anyio has 40: for more readers than that, use an
async generator. A step of one cannot be interrupted: while there is nothing to say it yields an
empty frame, which sends nothing, so that it can be closed when its client has left.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import Response

from eventwire import EventSourceResponse, ServerSentEvent

LOG_FILE = Path(os.environ.get("LOG_FILE", "app.log"))
INTERVAL = 0.2  # seconds between looks at the end of the file

app = FastAPI()


def follow(path: Path, offset: int) -> Iterable[ServerSentEvent | bytes]:
    """Yield the lines from ``offset`` on, and those that are still to be written."""
    with path.open("rb") as file:
        if offset > file.seek(0, os.SEEK_END):
            offset = 0  # another file by now
        file.seek(offset)
        line = b""
        while True:
            line += file.readline()
            if line.endswith(b"\n"):
                text = line.decode(errors="replace").rstrip("\r\n")
                yield ServerSentEvent(raw_data=text, event="line", id=str(file.tell()))
                line = b""
            else:  # the end, perhaps in the middle of a line
                time.sleep(INTERVAL)
                yield b""


@app.get("/logs")
def logs(last_event_id: Annotated[int, Header(ge=0)] = 0) -> Response:
    """Stream the log file."""
    return EventSourceResponse(follow(LOG_FILE, last_event_id))


if __name__ == "__main__":
    LOG_FILE.touch()
    uvicorn.run(app)
