"""A real uvicorn in a thread, and a client on a bare socket that shows every byte."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import uvicorn

import loops

if TYPE_CHECKING:
    from collections.abc import Iterator

COMBINATIONS = ["httptools-uvloop", "h11-asyncio"]
"""HTTP implementations and event loops."""
if loops.HAS_EAGER:
    COMBINATIONS += ["h11-loops:eager"]


class Server:
    """Serves an ASGI application on 127.0.0.1 at a free port, in a thread, as a context."""

    def __init__(self, app: Any, *, http: str = "httptools", loop: str = "uvloop", **options: Any):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        options = {"log_config": None, "lifespan": "off", **options}
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, http=http, loop=loop, **options))
        self._thread = threading.Thread(
            target=self.uvicorn.run, kwargs={"sockets": [self._listener]}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.uvicorn.started, "uvicorn to start")
        return self

    def __exit__(self, *_: object) -> None:
        self.uvicorn.should_exit = True
        self._thread.join(5)
        if self._thread.is_alive():
            self.uvicorn.force_exit = True
            self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive(), "uvicorn did not stop"

    def request(
        self, target: str, *, method: str = "GET", headers: str = "", body: bytes = b""
    ) -> Reply:
        """Send a request and read the whole answer."""
        with self.open(target, method=method, headers=headers, body=body) as stream:
            return stream.read_all()

    @contextlib.contextmanager
    def open(
        self, target: str, *, method: str = "GET", headers: str = "", body: bytes = b""
    ) -> Iterator[Stream]:
        """Send a request; the caller reads as it likes. Leaving the block closes the socket."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            length = f"content-length: {len(body)}\r\n" if body else ""
            head = f"{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
            connection.sendall(f"{head}{length}{headers}\r\n".encode() + body)
            yield Stream(connection)


@dataclass
class Reply:
    """What came back: `body` is decoded, `whole` says whether the last chunk was there."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool

    @property
    def comparable(self) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool]:
        """Everything but the date."""
        return (self.status, [h for h in self.headers if h[0] != b"date"], self.body, self.whole)


@dataclass
class Stream:
    """An answer being read."""

    connection: socket.socket
    received: bytes = field(default=b"")

    def read_until(self, marker: bytes) -> bytes:
        """Read until `marker` has arrived; return all that arrived so far."""
        while marker not in self.received:
            chunk = self.connection.recv(65536)
            assert chunk, f"closed before {marker!r}: {self.received!r}"
            self.received += chunk
        return self.received

    def read_all(self) -> Reply:
        """Read to the end."""
        parts = [self.received]
        # A server that cuts the body may reset the connection.
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.connection.recv(1 << 18):
                parts.append(chunk)
        self.received = b"".join(parts)
        return parse(self.received)


def parse(answer: bytes) -> Reply:
    """Take an HTTP/1.1 answer apart: chunked, with a length, or up to the end."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = [(name.lower(), value) for name, _, value in (x.partition(b": ") for x in lines)]
    if dict(headers).get(b"transfer-encoding") != b"chunked":
        length = int(dict(headers).get(b"content-length", len(rest)))
        return Reply(int(status.split()[1]), headers, rest, len(rest) == length)
    parts, whole, at = [], False, 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end], 16)
        if size == 0:
            whole = True
            break
        parts.append(rest[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return Reply(int(status.split()[1]), headers, b"".join(parts), whole)


def wait_until(condition: Any, what: str, seconds: float = 5.0) -> None:
    """Wait for something that another thread does; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)
