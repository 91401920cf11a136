"""A client of HTTP/2 without TLS, on a bare socket: one stream at a time."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stream:
    """An answer being read; `body` and `headers` are what has arrived."""

    def __init__(self, connection: socket.socket, target: str, method: str) -> None:
        self._socket = connection
        self._h2 = H2Connection(H2Configuration(header_encoding=None))
        self._h2.initiate_connection()
        self._id = self._h2.get_next_available_stream_id()
        head = {":method": method, ":path": target, ":scheme": "http", ":authority": "test"}
        self._h2.send_headers(self._id, head.items(), end_stream=True)
        self._flush()
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.ended = False
        """The server has ended the stream, as opposed to resetting it."""
        self.over = False

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())

    def _read(self) -> None:
        chunk = self._socket.recv(65536)
        if not chunk:
            self.over = True
            return
        for event in self._h2.receive_data(chunk):
            if isinstance(event, ResponseReceived):
                self.headers = dict(event.headers)
            elif isinstance(event, DataReceived):
                self.body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.ended = self.over = True
            elif isinstance(event, StreamReset):
                self.over = True
        self._flush()

    def read_until(self, marker: bytes) -> bytes:
        """Read until `marker` has arrived; return all that arrived so far."""
        while marker not in self.body:
            assert not self.over, f"ended before {marker!r}: {self.body!r}"
            self._read()
        return self.body

    def read_all(self) -> None:
        """Read to the end."""
        while not self.over:
            self._read()

    def reset(self) -> None:
        """Leave the stream; the connection stays."""
        self._h2.reset_stream(self._id, error_code=8)  # CANCEL
        self._flush()


@contextlib.contextmanager
def opened(port: int, target: str, method: str = "GET") -> Iterator[Stream]:
    """Send a request with prior knowledge (RFC 9113, 3.3); the caller reads as it likes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield Stream(connection, target, method)
