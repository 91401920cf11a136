"""A real uvicorn in a child process, which never outlives its parent."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from fastapi import FastAPI

START_SECONDS = 20.0
STOP_SECONDS = 1.4  # uvicorn waits 1 s for open streams, then cuts them
COMMAND = [
    *(sys.executable, "-m", "uvicorn", "--factory", "server:application"),
    *("--app-dir", str(Path(__file__).parent), "--host", "127.0.0.1", "--port", "0"),
    *("--no-access-log", "--no-use-colors", "--timeout-graceful-shutdown", "1"),
]
RUNNING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:(\d+))")


class Server:
    """Runs the demo's application on 127.0.0.1, on a port the system chose, as a context."""

    url: str
    port: int

    def __init__(self) -> None:
        self._address: queue.SimpleQueue[re.Match[str] | None] = queue.SimpleQueue()
        self._stopping = False

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,  # ends when this process does, however it ends
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the parent, which then stops the child
        )
        try:
            self._log = threading.Thread(target=self._read_log, args=[self._child.stderr])
            self._log.daemon = True
            self._log.start()
            self._wait_for_address()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._child.pid

    def wait(self) -> None:
        """Wait for Ctrl-C; that the child ends by itself is an error."""
        self._log.join()
        raise RuntimeError("the server has ended")

    def stop(self) -> None:
        """End the child: politely, and after `STOP_SECONDS` not."""
        self._stopping = True
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._log.join(STOP_SECONDS)
        for stream in (self._child.stdin, self._child.stderr):
            if stream is not None:
                stream.close()

    def _wait_for_address(self) -> None:
        try:
            found = self._address.get(timeout=START_SECONDS)
        except queue.Empty:
            raise RuntimeError(f"the server did not start in {START_SECONDS:.0f} s") from None
        if found is None:
            raise RuntimeError("the server ended before it answered; its words are above")
        self.url, self.port = found[1], int(found[2])

    def _read_log(self, log: IO[str]) -> None:
        """Take the address from the child's log and pass on whatever is not routine."""
        for line in log:
            if found := RUNNING.search(line):
                self._address.put(found)
            elif not self._stopping and not line.startswith("INFO:"):
                sys.stderr.write(line)
        self._address.put(None)


def application() -> FastAPI:
    """Make what uvicorn serves: the application, in a process that ends when its input does."""
    from application import app  # noqa: PLC0415  # the parent does without

    threading.Thread(target=_end_with_parent, daemon=True).start()
    return app


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
