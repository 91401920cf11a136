"""What a stream costs the server, contender beside contender, in one run.

    python benches/streams/run.py [burst] [paced] [idle] [first]     (make bench-streams)

The name of a work, such as `token`, stands for a burst of that alone.

One uvicorn (uvloop, httptools) is pinned to one core, this client to another. Contenders take
turns in rounds; medians with their range; ratios only within the run. Outputs are compared before
anything is timed. CPU is the server process's own, read from the server.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
CORES = os.sched_getaffinity(0)
# work: {contender: events per round}, ours first
BURSTS: dict[str, dict[str, int]] = {
    "typed": {
        "eventwire": 300_000,
        "fastapi.sse": 4_000,
        "sse-starlette": 10_000,
        "StreamingResponse": 20_000,
    },
    "chunk": {"eventwire": 200_000, "fastapi.sse": 4_000, "StreamingResponse": 20_000},
    "untyped": {"eventwire": 200_000, "fastapi.sse": 3_000, "StreamingResponse": 4_000},
    "events": {"eventwire": 100_000, "native": 100_000, "fastapi.sse": 4_000},
    "sync": {"eventwire": 300_000, "fastapi.sse": 2_000},
    # A chunk is built for each token, or the one template filled in; constant frames are the floor.
    "token": {
        "template": 300_000,
        "constant": 300_000,
        "typed": 50_000,
        "StreamingResponse": 20_000,
        "fastapi.sse": 4_000,
    },
}
OURS = ["eventwire", "native", "template"]
ROUNDS = 5
PACED = ["raw", "eventwire", "StreamingResponse", "sse-starlette", "fastapi.sse"]
STREAMS, RATE, SECONDS = 300, 20, 6
IDLE = ["eventwire", "StreamingResponse", "sse-starlette", "fastapi.sse"]


class Server:
    """A uvicorn of its own, for as long as the block lasts."""

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(self.port)]
        command += ["--log-level", "error", "--app-dir", str(HERE), "--loop", "uvloop"]
        core = max(CORES)
        self.process = subprocess.Popen(
            command,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.usage()
                return self
            time.sleep(0.1)
        raise TimeoutError("uvicorn did not start")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def open(self, target: str) -> socket.socket:
        """Send a request."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        request = f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        connection.sendall(request.encode())
        return connection

    def get(self, target: str) -> bytes:
        """Read a whole answer."""
        with self.open(target) as connection:
            parts = []
            while part := connection.recv(1 << 18):
                parts.append(part)
        return b"".join(parts)

    def usage(self) -> dict[str, float]:
        """Ask what the server has used."""
        found: dict[str, float] = json.loads(self.get("/usage").partition(b"\r\n\r\n")[2])
        return found


def body(answer: bytes) -> bytes:
    """The body of a chunked answer."""
    rest, parts = answer.partition(b"\r\n\r\n")[2], []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        parts.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return b"".join(parts)


def spread(values: list[float], digits: int = 2) -> str:
    """Median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def burst(server: Server, works: set[str]) -> None:
    print("\n## Burst, one connection: CPU µs per event\n")
    for work, contenders in BURSTS.items():
        if works and work not in works:
            continue
        outputs = {name: body(server.get(f"/{work}/{name}?n=200")) for name in contenders}
        first = next(iter(contenders))
        for name, output in outputs.items():
            assert output == outputs[first], (work, name, output[:200], outputs[first][:200])
        results: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, count in contenders.items():
                before = server.usage()["cpu"]
                answer = server.get(f"/{work}/{name}?n={count}")
                assert answer.count(b"data: ") == count, (work, name)
                results[name].append((server.usage()["cpu"] - before) / count * 1e6)
        for name, values in results.items():
            line = f"| {work} | {name} | {spread(values)} |"
            rivals = [] if name in OURS else OURS
            for ours in rivals:
                if ours in results:
                    ratios = [v / o for v, o in zip(values, results[ours], strict=True)]
                    line += f" {spread(ratios, 1)} x {ours} |"
            print(line, flush=True)


def drain(connections: list[socket.socket], seconds: float) -> int:
    """Read what comes for so long; return how many events came."""
    poll = select.epoll()
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left):
            count += by_number[number].recv(1 << 16).count(b"data: ")
    poll.close()
    return count


def paced(server: Server) -> None:
    print(f"\n## Paced, {STREAMS} streams of {RATE} events/s: user CPU µs per event\n")
    results: dict[str, list[float]] = {name: [] for name in PACED}
    for _ in range(3):
        for name in PACED:
            with contextlib.ExitStack() as stack:
                connections = [
                    stack.enter_context(server.open(f"/paced/{name}?period={1 / RATE}"))
                    for _ in range(STREAMS)
                ]
                drain(connections, 1.5)
                before = server.usage()["user"]
                count = drain(connections, SECONDS)
                results[name].append((server.usage()["user"] - before) / count * 1e6)
            time.sleep(0.5)
    for name, values in results.items():
        above = [v - floor for v, floor in zip(values, results["raw"], strict=True)]
        print(f"| {name} | {spread(values, 1)} | {spread(above, 1)} above raw |", flush=True)


def idle() -> None:
    print("\n## Idle, 1,000 streams: KiB of RSS and tasks per stream\n")
    count = 1000
    for name in IDLE:
        with Server() as server, contextlib.ExitStack() as stack:
            for _ in range(50):  # warm: modules, caches, the allocator's first arenas
                with server.open(f"/paced/{name}?period=60") as connection:
                    connection.recv(1 << 16)
            time.sleep(0.5)
            before = server.usage()
            connections = [
                stack.enter_context(server.open(f"/paced/{name}?period=600")) for _ in range(count)
            ]
            drain(connections, 3)
            after = server.usage()
            rss = (after["rss"] - before["rss"]) / count / 1024
            tasks = (after["tasks"] - before["tasks"]) / count
            print(f"| {name} | {rss:.1f} KiB | {tasks:.1f} tasks |", flush=True)


def first(server: Server) -> None:
    print("\n## First event: ms from connect to its arrival\n")
    results: dict[str, list[float]] = {name: [] for name in IDLE}
    for _ in range(200):
        for name in IDLE:
            since = time.perf_counter()
            with server.open(f"/paced/{name}?period=60") as connection:
                seen = b""
                while b"data: " not in seen:
                    seen += connection.recv(1 << 16)
            results[name].append((time.perf_counter() - since) * 1e3)
    for name, values in results.items():
        values.sort()
        print(f"| {name} | median {values[100]:.2f} | p95 {values[190]:.2f} |", flush=True)


def main() -> None:
    """Run what is asked for, everything by default."""
    works = set(BURSTS) & set(sys.argv[1:])
    wanted = sys.argv[1:] or ["burst", "paced", "idle", "first"]
    wanted += ["burst"] if works else []
    os.sched_setaffinity(0, {min(CORES)})
    names = ["fastapi", "starlette", "sse-starlette", "pydantic", "uvicorn", "uvloop"]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores, one each")
    if {"burst", "paced", "first"} & set(wanted):
        with Server() as server:
            if "burst" in wanted:
                burst(server, works)
            if "paced" in wanted:
                paced(server)
            if "first" in wanted:
                first(server)
    if "idle" in wanted:
        idle()


if __name__ == "__main__":
    main()
