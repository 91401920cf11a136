"""What a burst costs: events per second at the client, processor time per event at the server."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = {"eventwire": "eventwire", "fastapi": "fastapi.sse"}
WARM_UP = 2_000


@dataclass(frozen=True)
class Sample:
    """One burst."""

    events_per_second: float
    cpu_microseconds: float


def cpu_seconds(port: int) -> float:
    """Ask the server for the processor time it has used."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/cpu")
        return float(json.load(connection.getresponse())["seconds"])


def read_burst(port: int, library: str, events: int) -> None:
    """Request a burst on a bare socket, the cheapest client there is, and count its events."""
    request = (
        f"GET /{library}/burst?n={events} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    )
    received, last = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode())
        while chunk := connection.recv(1 << 18):
            received += chunk.count(b"\n\n") + (last == b"\n" and chunk.startswith(b"\n"))
            last = chunk[-1:]
    if received != events:
        raise RuntimeError(f"{NAMES[library]} sent {received} of {events} events")


def sample(port: int, library: str, events: int) -> Sample:
    """Measure one burst."""
    cpu = cpu_seconds(port)
    start = time.perf_counter()
    read_burst(port, library, events)
    seconds = time.perf_counter() - start
    return Sample(events / seconds, (cpu_seconds(port) - cpu) / events * 1e6)


def sample_rounds(port: int, events: int, rounds: int) -> dict[str, list[Sample]]:
    """Measure the libraries in turn, so that a slow moment of the machine meets both."""
    samples: dict[str, list[Sample]] = {library: [] for library in NAMES}
    for library in NAMES:
        read_burst(port, library, WARM_UP)
    for _ in range(rounds):
        for library, taken in samples.items():
            taken.append(sample(port, library, events))
    return samples


@contextlib.contextmanager
def cores_apart(server: int) -> Iterator[bool]:
    """Keep the server's process and this one on different cores; yield whether that worked."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    try:
        if len(cores) < 2:  # noqa: PLR2004
            yield False
            return
        os.sched_setaffinity(server, cores[:1])
        os.sched_setaffinity(0, cores[1:2])
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setaffinity(0, cores)
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(server, cores)


def table(samples: dict[str, list[Sample]]) -> Iterator[str]:
    """Write medians, the range of the rounds, and how many times eventwire is ahead."""
    rates = {lib: [s.events_per_second for s in taken] for lib, taken in samples.items()}
    costs = {lib: [s.cpu_microseconds for s in taken] for lib, taken in samples.items()}
    yield f"{'':13}{'events per second':^32}{'server CPU per event, µs':^30}".rstrip()
    for library, name in NAMES.items():
        rate = _median_and_range(rates[library], "{:,.0f}".format)
        cost = _median_and_range(costs[library], "{:.2f}".format)
        yield f"{name:13}{rate:^32}{cost:^30}".rstrip()
    median = statistics.median
    more = f"{median(rates['eventwire']) / median(rates['fastapi']):.1f} times as many"
    less = f"1/{median(costs['fastapi']) / median(costs['eventwire']):.1f} of the cost"
    yield f"{'eventwire has':13}{more:^32}{less:^30}".rstrip()


def _median_and_range(values: list[float], written: Callable[[float], str]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{written(middle)} ({written(low)}-{written(high)})"
