"""After many streams, a uvicorn process holds what it held before.

`make soak` is the long run; the counts are taken from the environment.
"""

import contextlib
import itertools
import json
import os
import resource
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from processes import Process
from servers import wait_until

CYCLES = int(os.environ.get("EVENTWIRE_SOAK_CYCLES", "900"))
STREAMS = int(os.environ.get("EVENTWIRE_SOAK_STREAMS", "2000"))
EVENTS = int(os.environ.get("EVENTWIRE_SOAK_EVENTS", "1000000"))

MAKES = ["typed", "async", "sync"]
KINDS = ["clean", "idle", "mid-send"]
BATCH = 18
"""Streams open at a time while cycling, of each make and kind two."""

RSS = 8 << 20
"""Bytes that the server may hold more than at the baseline. The C library's allocator is asked to
give back what is free (Python's own keeps 20 MB more or less, by chance); what is left varies by
4 MB from run to run. An open stream takes 26 kB, one that has ended but is kept 1 kB: 320 of the
former, 8,000 of the latter would be seen, and a byte per event of 10,000,000."""

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module", autouse=True)
def _many_files():
    """Let this process open as many sockets as it may."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def uvicorn(folder, *options, **environment):
    command = [sys.executable, "-m", "uvicorn", "--port", "PORT", "--no-access-log"]
    command += ["--app-dir", str(Path(__file__).parent), "--log-level", "warning", *options]
    return Process(*command, "soak_app:app", folder=folder, **environment)


def usage(server):
    """Ask for what the server holds."""
    with server.open("/usage") as stream:
        return json.loads(stream.read_all().body)


def settled(server):
    """Ask for the same once every generator that was begun has ended."""

    def ended():
        now = usage(server)
        return now["open"] == now["closed"]

    wait_until(ended, "the end of all generators", 20)
    time.sleep(0.5)  # the requests end after their generators
    stream(server, 3)  # a sync one has AnyIO end the threads that are idle for 0.3 s
    time.sleep(0.2)
    return usage(server)


def connect(server, target):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return connection


def until(connection, marker):
    received = b""
    while marker not in received:
        chunk = connection.recv(1 << 16)
        assert chunk, received
        received += chunk
    return received


def cycle(server, count):
    """Open and leave so many streams, a batch at a time."""
    targets = {
        "clean": "finite?size=10&count=20",
        "idle": "idle?size=10",
        "mid-send": "endless?size=10000",
    }
    every = itertools.cycle(itertools.product(KINDS, MAKES))
    for first in range(0, count, BATCH):
        kinds = list(itertools.islice(every, min(BATCH, count - first)))
        batch = [(kind, connect(server, f"/{make}/{targets[kind]}")) for kind, make in kinds]
        for kind, connection in batch:
            with connection:
                if kind == "clean":
                    assert until(connection, b"\r\n0\r\n\r\n").count(b"\ndata: ") == 20
                    continue
                until(connection, b"\n\n")
                if kind == "mid-send":  # closing with these options is a reset
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1" + b"\0" * 7)


@contextlib.contextmanager
def idle(server, targets):
    """Hold a stream of each target, whose first event has arrived."""
    with contextlib.ExitStack() as stack:
        for first in range(0, len(targets), 100):
            some = [
                stack.enter_context(connect(server, target))
                for target in targets[first : first + 100]
            ]
            for connection in some:
                until(connection, b"\n\n")
        yield


def many(count):
    return [f"/{MAKES[number % 2]}/idle?size=10" for number in range(count)]


def read(server, target, results):
    """Count the events of a stream to its end; chunks hold whole events."""
    count, last = 0, b""
    with connect(server, target) as connection:
        while not last.endswith(b"\r\n0\r\n\r\n"):
            chunk = connection.recv(1 << 20)
            if not chunk:
                break
            count += (last[-1:] + chunk).count(b"\n\n")
            last = (last + chunk)[-7:]
        else:
            results.append(count)


def stream(server, count):
    """Read so many events, of each make a third, side by side."""
    results = []
    targets = [f"/{make}/finite?size=10&count={count // 3}" for make in MAKES]
    readers = [threading.Thread(target=read, args=(server, t, results)) for t in targets]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert results == [count // 3] * 3


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Run a server that has seen everything once; give it with its usage.

    Idle streams are the server's greatest size, of which the allocators keep a part.
    """
    with uvicorn(tmp_path_factory.mktemp("soak"), PYTHONMALLOC="malloc") as server:
        for _ in range(2):
            cycle(server, BATCH * 20)
            with idle(server, many(STREAMS)):
                pass
            stream(server, 30_000)
            baseline = settled(server)
        yield server, baseline
        assert "ERROR" not in server.log, server.log
        assert "Traceback" not in server.log, server.log


def as_before(server, baseline):
    """Nothing is left but memory that the allocators keep."""
    now = settled(server)
    print("before", baseline, "after", now, sep="\n")
    assert now["tasks"] == baseline["tasks"]
    assert now["files"] == baseline["files"]
    assert now["threads"] == baseline["threads"]
    assert now["rss"] - baseline["rss"] < RSS


def test_nothing_is_left_of_streams_that_were_opened_and_left(warm):
    """Ended, left while idle, and reset while a send was under way."""
    server, baseline = warm
    before = settled(server)["closed"]
    cycle(server, CYCLES)
    as_before(server, baseline)
    assert usage(server)["closed"] - before == CYCLES + len(MAKES)


def test_nothing_is_left_of_idle_streams_that_were_open_together(warm):
    """While they are open each takes a file and two tasks and not more."""
    server, baseline = warm
    with idle(server, many(STREAMS)):
        now = usage(server)
        assert now["open"] - now["closed"] == STREAMS
        assert now["files"] - baseline["files"] == STREAMS
        assert now["tasks"] - baseline["tasks"] <= 2 * STREAMS
    as_before(server, baseline)


def test_nothing_is_left_of_many_events(warm):
    """All of them arrive, and no byte per event stays."""
    server, baseline = warm
    stream(server, EVENTS)
    as_before(server, baseline)


def test_idle_streams_wake_nobody(tmp_path):
    """Between pings a stream costs no callback: a thousand as few as none.

    uvicorn itself looks at its flags ten times a second.
    """

    def switches():
        status = Path(f"/proc/{server._process.pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    def during_two_seconds():
        time.sleep(0.5)
        callbacks, woken = usage(server)["callbacks"], switches()
        time.sleep(2)
        woken = switches() - woken
        return usage(server)["callbacks"] - callbacks, woken

    targets = ["/typed-silent/idle?size=10", "/async/idle?size=10&silent"] * 500
    with uvicorn(tmp_path, "--loop", "asyncio", EVENTWIRE_COUNT_CALLBACKS="1") as server:
        none = during_two_seconds()
        with idle(server, targets):
            thousand = during_two_seconds()
        print("callbacks, context switches:", none, thousand)
        assert none[0] > 0, "callbacks are not counted"
        # One wake-up of every tenth stream would be a hundred more.
        assert thousand[0] - none[0] < 100
        assert thousand[1] - none[1] < 100
