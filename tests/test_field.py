"""What has gone wrong with event streams in production, on a uvicorn process of its own."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers import Stream, wait_until

CLEANUP = 0.25
"""Seconds within which a generator is closed after its client has left."""


class Process:
    """`field_app` in a uvicorn of its own."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "field_app:app", "--log-level", "error"]
        command += ["--port", str(self.port), "--app-dir", str(Path(__file__).parent)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        wait_until(self.answers, "uvicorn to start", 20)

    def answers(self):
        with contextlib.suppress(OSError):
            return self.get("/probe")
        return None

    def open(self, target):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
        )
        return connection

    def get(self, target):
        with self.open(target) as connection:
            return Stream(connection).read_all().body

    def usage(self):
        return json.loads(self.get("/usage"))

    def stop(self):
        """Return what it has logged."""
        self.process.send_signal(signal.SIGKILL)
        return self.process.communicate(timeout=10)[1]


@pytest.fixture(scope="module")
def server():
    process = Process()
    yield process
    assert process.stop() == "", "logged at ERROR"


READ = """
import select, socket, sys
port, target, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
poll, streams = select.epoll(), {}
for _ in range(count):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.sendall(f"GET {target} HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n".encode())
    streams[stream.fileno()] = stream
    poll.register(stream, select.EPOLLIN)
print("reading", flush=True)
while True:
    for number, _ in poll.poll():
        streams[number].recv(1 << 20)
"""


@contextlib.contextmanager
def reading(server, target, count):
    """Read so many streams in a process of its own, whose end leaves them all."""
    command = [sys.executable, "-c", READ, str(server.port), target, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout.readline() == b"reading\n"
            yield
        finally:
            reader.kill()


def closed_again(server, before, count, seconds=CLEANUP):
    """Wait until `count` more generators have ended; that must not take long."""
    since = time.monotonic()
    wait_until(lambda: server.usage()["closed"] >= before + count, "the generators' end", 10)
    # The probes themselves take a moment, the more of them the busier the machine is.
    assert time.monotonic() - since < seconds + 0.25
    assert server.usage()["closed"] == before + count


@pytest.mark.parametrize("kind", ["busy", "sync"])
@pytest.mark.parametrize("count", [1, 50])
def test_generators_that_never_await_do_not_own_the_server(server, kind, count):
    """Other requests are answered, and the generators closed when their clients leave."""
    if (kind, count) == ("sync", 50):
        count = 30  # of the 40 threads of the pool
    before = server.usage()["closed"]
    with reading(server, f"/{kind}", count):
        time.sleep(0.3)
        used, times = server.usage()["cpu"], []
        begun = time.monotonic()
        for _ in range(60):
            since = time.monotonic()
            assert server.get("/probe") == b"here"
            times.append(time.monotonic() - since)
        share = (server.usage()["cpu"] - used) / (time.monotonic() - begun)
    closed_again(server, before, count, CLEANUP + 0.02 * count)
    times.sort()
    # The promise is 50 ms for 99 of 100 where the server has a core of its own. It is busy all the
    # time: what it has not used of the core others have taken.
    assert times[len(times) * 9 // 10] * min(share, 1) < 0.1


def test_sync_streams_do_not_block_other_sync_endpoints(server):
    """Their threads go back to the pool between slices."""
    before = server.usage()["closed"]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(server.open("/sync")) for _ in range(100)]
        time.sleep(0.5)  # nobody reads: the clients are slow
        since = time.monotonic()
        for _ in range(5):
            assert server.get("/sync-probe") == b"here"
        assert time.monotonic() - since < 2
        assert len(streams) == 100
    closed_again(server, before, 100, 2)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_middlewares_between_do_not_hide_a_disconnect(server, count):
    """Behind nested `BaseHTTPMiddleware` the generator ends as soon."""
    before = server.usage()["closed"]
    with server.open(f"/nested/{count}/") as connection:
        stream = Stream(connection)
        assert b'data: "first"\n\n' in stream.read_until(b"\n\n\r\n")
    closed_again(server, before, 1)


def test_a_client_that_does_not_read_costs_no_memory(server):
    """What is produced for it stays below the sockets' buffers and one of ours."""
    before = server.usage()
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(server.open("/large"))
        time.sleep(1)
        first = server.usage()["rss"]
        time.sleep(1.5)
        second = server.usage()["rss"]
        assert second - first < 1 << 20
        assert (second - before["rss"]) / 10 < 1 << 20
    closed_again(server, before["closed"], 10)


def test_nothing_is_left_of_streams_that_were_opened_and_left(server):
    """Tasks and file descriptors are back where they were; memory does not grow from then on."""

    def cycle(count):
        for number in range(count):
            kind = ["finite", "idle", "busy"][number % 3]
            with server.open(f"/{kind}") as connection:
                if kind == "finite":
                    Stream(connection).read_all()
                else:
                    connection.recv(1 << 16)
                if number % 2:  # a reset instead of a close
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + b"\0" * 7)

    def settled():
        wait_until(lambda: (u := server.usage())["open"] == u["closed"], "all generators' end")
        time.sleep(0.2)
        return server.usage()

    cycle(150)
    before = settled()
    cycle(600)
    after = settled()
    assert after["tasks"] <= before["tasks"]
    assert after["files"] <= before["files"]
    assert after["rss"] - before["rss"] < 1 << 20
