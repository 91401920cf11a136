"""The same streams on every server, by HTTP/1.1 and HTTP/2: uvicorn, granian, hypercorn, trio."""

from __future__ import annotations

import contextlib
import itertools
import re
import time

import pytest

import http2
from processes import BIN, Process
from servers import wait_until

HYPERCORN = ["hypercorn", "--bind", "127.0.0.1:PORT", "--workers", "0"]
GRANIAN = ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "PORT", "--http"]
COMMANDS = {
    "uvicorn h11": ["uvicorn", "--port", "PORT", "--http", "h11", "--loop", "asyncio"],
    "uvicorn httptools": ["uvicorn", "--port", "PORT", "--http", "httptools", "--loop", "uvloop"],
    "granian": [*GRANIAN, "1"],
    "granian http/2": [*GRANIAN, "2"],
    "hypercorn": HYPERCORN,
    "hypercorn http/2": HYPERCORN,
    "hypercorn trio": [*HYPERCORN, "--worker-class", "trio"],
    "hypercorn trio http/2": [*HYPERCORN, "--worker-class", "trio"],
}
NAMES = map(str, itertools.count())


class Answer:
    """A stream over either protocol."""

    def __init__(self, stream, connection):
        self.stream = stream
        self.read_until = stream.read_until
        self._connection = connection

    def leave(self):
        """HTTP/1.1: close the connection; HTTP/2: reset the stream."""
        if isinstance(self.stream, http2.Stream):
            self.stream.reset()
        else:
            self._connection.close()

    def rest(self):
        """Headers, body and whether it ended well."""
        if isinstance(self.stream, http2.Stream):
            self.stream.read_all()
            return self.stream.headers, self.stream.body, self.stream.ended
        reply = self.stream.read_all()
        return dict(reply.headers), reply.body, reply.whole


class Server(Process):
    """A server's process; `speaks` is the protocol that the client uses."""

    def __init__(self, name, folder):
        self.name = name
        self.speaks = 2 if name.endswith("http/2") else 1
        command, *arguments = COMMANDS[name]
        super().__init__(str(BIN / command), *arguments, "servers_app:app", folder=folder)

    def _answers(self):
        assert self._process.poll() is None, self.log
        with contextlib.suppress(OSError), self.ask("/ready") as answer:
            return answer.rest()[2] or self.speaks == 1
        return False

    @contextlib.contextmanager
    def ask(self, target, **more):
        if self.speaks == 2:
            with http2.opened(self.port, target, **more) as stream:
                yield Answer(stream, None)
        else:
            with self.open(target, **more) as stream:
                yield Answer(stream, stream.connection)

    def is_said(self, what, seconds):
        """Wait for a line in the log."""
        wait_until(lambda: what in self.log.splitlines(), f"{what!r} on {self.name}", seconds)


@pytest.fixture(scope="module", params=COMMANDS)
def server(request, tmp_path_factory):
    with Server(request.param, tmp_path_factory.mktemp("server")) as process:
        yield process


def test_a_client_that_does_not_read_stops_the_generator(server):
    """What is made is what the sockets hold, some MB; hypercorn takes all there is for HTTP/2."""
    name = f"busy {next(NAMES)}"
    made = re.compile(rf"^{name} made (\d+) kB$", re.MULTILINE)
    with server.ask("/busy?name=" + name.split()[1]) as answer:
        answer.read_until(b"data: ")
        time.sleep(1)
        answer.leave()
        wait_until(lambda: made.search(server.log), "the count")
    if "hypercorn" not in server.name or server.speaks == 1:
        assert int(made.search(server.log)[1]) < 16_000


@pytest.mark.parametrize("kind", ["idle", "busy", "sync", "asking"])
def test_a_client_that_leaves_has_the_generator_closed_within_250_ms(server, kind):
    """Waiting, busy, sync, and asking `is_disconnected()`; then its background task runs."""
    name = f"{kind} {next(NAMES)}"
    with server.ask("/{}?name={}".format(*name.split())) as answer:
        answer.read_until(b"data: ")
        if kind == "busy":
            time.sleep(0.1)  # nobody reads: sends wait
        answer.leave()
        server.is_said(f"{name} closed", 0.25)
        server.is_said(f"{name} background", 1)


def test_is_disconnected_is_false_while_the_client_is_there(server):
    """Asked again and again, from the first step on, in several requests."""
    for _ in range(10):
        with server.ask(f"/asking?name={next(NAMES)}") as answer:
            answer.read_until(b"data: 5\n\n")


def test_an_event_arrives_at_once_and_then_a_comment(server):
    """The first one while the generator waits for ever."""
    since = time.monotonic()
    with server.ask(f"/idle?name={next(NAMES)}&ping=0.2") as answer:
        answer.read_until(b"data: 1\n\n")
        assert time.monotonic() - since < 0.25
        answer.read_until(b": ping\n\n")


def test_a_stream_that_ends_is_whole_and_one_that_fails_is_cut(server):
    """With all events before the failure, and its traceback in the log."""
    with server.ask(f"/finite?name={next(NAMES)}") as answer:
        headers, body, whole = answer.rest()
    assert (body, whole) == (b"data: 1\n\ndata: 2\n\ndata: 3\n\n", True)
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    with server.ask(f"/failing?name={next(NAMES)}") as answer:
        _, body, whole = answer.rest()
    assert (body, whole) == (b"data: 1\n\n", False)
    wait_until(lambda: 'KeyError: "the generator\'s own"' in server.log, "the traceback")


def test_head_gets_the_headers_and_no_event(server):
    """The generator does not start: it says nothing when it is closed."""
    name = next(NAMES)
    with server.ask(f"/idle?name={name}", method="HEAD") as answer:
        headers, body, _ = answer.rest()
    assert (headers[b"content-type"], body) == (b"text/event-stream; charset=utf-8", b"")
    server.is_said(f"idle {name} background", 1)
    assert f"idle {name} closed" not in server.log


def test_no_header_is_illegal_in_http_2(server):
    """RFC 9113, 8.2.2: none that is about a connection."""
    with server.ask(f"/finite?name={next(NAMES)}") as answer:
        headers, _, _ = answer.rest()
    if server.speaks == 2:
        assert not headers.keys() & {b"connection", b"keep-alive", b"transfer-encoding"}
    assert headers[b"cache-control"] == b"no-cache"
    assert headers[b"x-accel-buffering"] == b"no"
