"""Real server processes: started, asked, told to stop, and always ended, by their ids."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from servers import Stream, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Process:
    """A server in a process group of its own, as a context; `log` is all that it printed."""

    def __init__(self, *command: str, folder: Path, **environment: str):
        self.port = free_port()
        self._log = folder / f"log-{self.port}"
        self._command = [part.replace("PORT", str(self.port)) for part in command]
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._folder = folder

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, f"{self._command[0]} to answer", 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # workers, too
        self._process.wait(5)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log
        with contextlib.suppress(OSError), self.open("/ready") as stream:
            return stream.read_all().status == 204
        return False

    @property
    def log(self) -> str:
        return self._log.read_text()

    @contextlib.contextmanager
    def open(self, target: str, *, method: str = "GET") -> Iterator[Stream]:
        """Send a request; the caller reads as it likes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(
                f"{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode()
            )
            yield Stream(connection)

    def opened(self, target: str, stack: contextlib.ExitStack, count: int) -> list[Stream]:
        """Open several streams and wait for the first event of each."""
        streams = [stack.enter_context(self.open(target)) for _ in range(count)]
        for stream in streams:
            stream.read_until(b"data: 1\n\n")
        return streams

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal; return how many seconds the process took to exit."""
        since = time.monotonic()
        self._process.send_signal(number)
        self._process.wait(15)
        return time.monotonic() - since


def server(name: str, *options: str, **more: Any) -> Process:
    """Start a server's command on the application in `shutdown_app.py`."""
    commands = {
        "uvicorn": ["uvicorn", "--port", "PORT", "--no-access-log"],
        "granian": ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "PORT"],
        "hypercorn": ["hypercorn", "--bind", "127.0.0.1:PORT"],
    }
    command, *arguments = commands[name]
    return Process(str(BIN / command), *arguments, *options, "shutdown_app:app", **more)
