"""What is measured. Each work yields records: what, by whom, in which round, and the figures.

A record's `us` is the server's CPU per event in µs; contenders take turns within each round.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server import Server, missing

import load

if TYPE_CHECKING:
    from collections.abc import Iterator

# Who streams a payload; the first is what others are compared with.
BURSTS = {
    "item": [
        *["eventwire", "eventwire Starlette", "fastapi.sse", "sse-starlette", "litestar"],
        *["StreamingResponse", "StreamingResponse orjson", "axum", "go"],
    ],
    "chunk": [
        *["eventwire", "eventwire Starlette", "fastapi.sse", "sse-starlette", "litestar"],
        *["StreamingResponse", "StreamingResponse orjson", "axum", "go"],
    ],
    "untyped": ["eventwire", "fastapi.sse", "StreamingResponse"],
    "event": ["eventwire", "eventwire native", "fastapi.sse"],
    "sync": ["eventwire", "fastapi.sse"],
    # A chunk is made for each token, or the one template filled in; constant frames are the floor.
    "token": [
        *["eventwire", "eventwire template", "constant frames", "fastapi.sse"],
        "StreamingResponse",
    ],
    "constant": ["raw ASGI", "StreamingResponse"],
}
PACED = [
    *["eventwire", "eventwire Starlette", "fastapi.sse", "sse-starlette", "litestar"],
    *["StreamingResponse", "axum", "go"],
]
CAPACITY = [
    *["eventwire", "fastapi.sse", "sse-starlette", "litestar", "StreamingResponse", "axum", "go"]
]
CHATS = ["eventwire", "fastapi.sse", "StreamingResponse"]
SERVERS = ["uvicorn", "granian", "hypercorn"]
LATE = 50_000
"""µs of lateness that the 99th percentile may have for a server to hold its streams."""


@dataclass
class Bench:
    """Servers that are running, and how much is to be done."""

    stack: contextlib.ExitStack
    only: list[str]
    """Words of which a contender's name must have one; none: all."""
    payloads: list[str] = field(default_factory=list)
    """Payloads of the burst; none: all."""
    rounds: int = 5
    seconds: float = 4.0
    """What one measurement takes, about."""
    smoke: bool = False
    running: dict[tuple[str, str], Server] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def server(self, contender: str, server: str = "uvicorn") -> Server:
        """The server that has the contender."""
        app = "app:contenders"
        if contender == "litestar":
            app = "litestar_app:contenders"
        elif contender in {"axum", "go"}:
            server = app = contender
        if (server, app) not in self.running:
            self.running[server, app] = self.stack.enter_context(Server(server, app))
        return self.running[server, app]

    def there(self, names: list[str]) -> list[str]:
        """Those that are asked for and can run here."""
        found = []
        for name in names:
            if self.only and not any(word in name for word in self.only):
                continue
            if name in {"axum", "go"} and (need := missing(name)):
                self.left_out[name] = f"needs {need}"
                continue
            if name in {"axum", "go"} and self.smoke:
                continue
            found.append(name)
        return found


def events(body: bytes) -> list[bytes]:
    """The data of each event, as a client sees it."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    return [line[6:] for line in lines if line.startswith(b"data: ")]


def check(
    bench: Bench, payload: str, names: list[str], server: str = "uvicorn", more: int = 0
) -> None:
    """Everybody delivers the same events before anybody is timed."""
    said: dict[str, list[bytes]] = {}
    for name in names:
        said[name] = events(bench.server(name, server).get(f"/{payload}/{name}?n=200"))
        assert len(said[name]) == 200 + more, (payload, name, len(said[name]))
        assert said[name] == said[names[0]], (payload, name, said[name][0], said[names[0]][0])


def burst(bench: Bench, server: str = "uvicorn") -> Iterator[dict[str, Any]]:
    """As fast as they come."""
    for payload, everybody in BURSTS.items():
        if bench.payloads and payload not in bench.payloads:
            continue
        names = bench.there(everybody)
        check(bench, payload, names, server)
        counts = dict.fromkeys(names, 2000)
        for streams in [1] if bench.smoke or server != "uvicorn" else [1, 64]:
            for number in range(streams > 1, bench.rounds + 1):
                for name in names:
                    where = bench.server(name, server)
                    n = max(1, counts[name] // streams)
                    before = sum(where.cpu())
                    report = load.read(where.port, f"/{payload}/{name}?n={n}", streams=streams)
                    assert report["events"] == n * streams, (payload, name, report)
                    us = (sum(where.cpu()) - before) / report["events"] * 1e6
                    if number == 0 and not bench.smoke:
                        # The first time says how many fill the time of a measurement.
                        wanted = int(bench.seconds / 8 * 1e6 / max(us, 0.05))
                        counts[name] = min(max(wanted, 2000), 4_000_000)
                        continue
                    yield {
                        "work": "burst",
                        "case": f"{payload}, {streams} connection{'s'[: streams > 1]}",
                        "server": where.name if where.name != "uvicorn" else server,
                        "contender": name,
                        "round": number,
                        "us": us,
                        "rate": report["events"] / report["seconds"],
                        "client_us": report["cpu_seconds"] / report["events"] * 1e6,
                    }


def servers(bench: Bench) -> Iterator[dict[str, Any]]:
    """The burst on the other servers."""
    for server in SERVERS[1:]:
        names = bench.there(["eventwire", "fastapi.sse", "sse-starlette", "StreamingResponse"])
        check(bench, "item", names, server)
        for number, name in itertools.product(range(bench.rounds), names):
            where = bench.server(name, server)
            n = 2000 if bench.smoke else (200_000 if "eventwire" in name else 10_000)
            before = sum(where.cpu())
            report = load.read(where.port, f"/item/{name}?n={n}")
            assert report["events"] == n, (server, name, report)
            us = (sum(where.cpu()) - before) / n * 1e6
            yield {
                "work": "servers", "case": server, "server": server, "contender": name,
                "round": number, "us": us, "rate": n / report["seconds"],
            }  # fmt: skip


def paced(bench: Bench) -> Iterator[dict[str, Any]]:
    """Tokens at their time."""
    names = [*bench.there(["raw ASGI"]), *bench.there(PACED)]
    shapes = [(100, 20), (500, 20), (100, 100)] if not bench.smoke else [(5, 20)]
    for (streams, rate), number in itertools.product(shapes, range(min(bench.rounds, 3))):
        for name in names:
            payload, due = "chunk", {"due": "created"}
            if name == "raw ASGI":
                payload, due = "constant", {"period": 1 / rate}
            figures = steady(bench, name, f"/{payload}/{name}", streams, rate, **due)
            yield {
                "work": "paced", "case": f"{streams} streams, {rate} events/s",
                "contender": name, "round": number, **figures,
            }  # fmt: skip


def chats(bench: Bench) -> Iterator[dict[str, Any]]:
    """Chats of 50 tokens a second, on servers that speak OpenAI's protocol."""
    names = bench.there(CHATS)
    check(bench, "chat", names, more=3)  # the role, the finish, [DONE]
    for streams in [5] if bench.smoke else [200, 1000]:
        for number, name in itertools.product(range(min(bench.rounds, 3)), names):
            figures = steady(bench, name, f"/chat/{name}", streams, 50, due="content")
            yield {
                "work": "chats", "case": f"{streams} chats, 50 tokens/s",
                "contender": name, "round": number, **figures,
            }  # fmt: skip


def steady(
    bench: Bench, name: str, path: str, streams: int, rate: int, **due: Any
) -> dict[str, Any]:
    """What streams cost, and how late they are, some time after all of them were opened."""
    where = bench.server(name)
    process = load.start(
        where.port, f"{path}?n=0&period={1 / rate}", streams=streams, ramp=max(200, streams),
        warm_up=0.5 + streams / 500, seconds=bench.seconds, **due,
    )  # fmt: skip
    time.sleep(0.7 + streams / 500 + streams / max(200, streams))
    before, since = where.cpu(), time.perf_counter()
    time.sleep(max(0.2, bench.seconds - 0.6))
    after, until = where.cpu(), time.perf_counter()
    report = load.finish(process)
    # A server that cannot hold its streams sends less than it should.
    per_second = report["events"] / report["seconds"]
    sent = per_second * (until - since)
    # Of a server that is very late the warm-up sees no more than the opening of its streams.
    assert report["without_due"] <= streams, report
    return {
        "server": where.name,
        "us": (sum(after) - sum(before)) / sent * 1e6,
        "user_us": (after[0] - before[0]) / sent * 1e6,
        "rate": per_second,
        "delivered": per_second / (streams * rate),
        "late_p50": report["lateness_us"]["p50"], "late_p99": report["lateness_us"]["p99"],
        "curve": report["lateness_us"]["curve"],
    }  # fmt: skip


def holds(bench: Bench, name: str, streams: int) -> tuple[bool, dict[str, Any]]:
    """Whether a server holds so many streams of 20 events a second."""
    with contextlib.ExitStack() as stack:
        fresh = Bench(stack, [], smoke=bench.smoke)
        where = fresh.server(name)
        target = f"/chunk/{name}?n=0&period=0.05"
        report = load.read(
            where.port, target, streams=streams, ramp=400, warm_up=2.0,
            seconds=bench.seconds, due="created",
        )  # fmt: skip
    lateness = report["lateness_us"]
    enough = report["events"] >= 0.98 * streams * 20 * report["seconds"]
    return lateness is not None and enough and lateness["p99"] < LATE, report


def capacity(bench: Bench) -> Iterator[dict[str, Any]]:
    """The largest number of 20 events/s streams that one core holds, within 5 %."""
    for number in range(1 if bench.smoke else min(bench.rounds, 3)):
        for name in bench.there(CAPACITY[:2] if bench.smoke else CAPACITY):
            low, high = (0, 5) if bench.smoke else (0, 200)
            most = 10 if bench.smoke else 8000
            while high <= most and holds(bench, name, high)[0]:
                low, high = high, high * 2
            while low < most and high - low > max(5, low * 0.05):
                middle = (low + high) // 2
                low, high = (middle, high) if holds(bench, name, middle)[0] else (low, middle)
            yield {
                "work": "capacity", "case": "20 events/s, p99 < 50 ms", "server": "uvicorn",
                "contender": name, "round": number, "streams": low,
            }  # fmt: skip


def idle(bench: Bench) -> Iterator[dict[str, Any]]:
    """Streams that wait."""
    names = bench.there([*PACED[:4], "StreamingResponse"])
    names = names[:2] if bench.smoke else names
    for streams, name in itertools.product([50] if bench.smoke else [1000], names):
        with contextlib.ExitStack() as stack:
            where = Bench(stack, []).server(name)
            target = f"/chunk/{name}?n=0&period=600"
            # Warm: modules, caches, the allocator's first arenas.
            load.read(where.port, target, streams=50, events=1, seconds=5)
            time.sleep(0.5)
            before = where.rss()
            process = load.start(
                where.port, target, streams=streams, ramp=500, seconds=streams / 500 + 5
            )
            time.sleep(streams / 500 + 1.5)
            rss, used = where.rss() - before, sum(where.cpu())
            time.sleep(2)
            yield {
                "work": "idle", "case": f"{streams} streams", "server": where.name,
                "contender": name, "round": 0, "kib": rss / streams / 1024,
                "us_per_s": (sum(where.cpu()) - used) / 2 / streams * 1e6,
            }  # fmt: skip
            process.kill()
            process.wait()


def first(bench: Bench) -> Iterator[dict[str, Any]]:
    """From asking to the first event, alone and beside 50 streams of 20 events a second."""
    names = bench.there([*PACED[:4], "StreamingResponse"])
    for case, number in itertools.product(["alone", "beside 50 streams"], range(bench.rounds)):
        for name in names:
            where = bench.server(name)
            with contextlib.ExitStack() as stack:
                if case != "alone":
                    busy = load.start(
                        where.port, f"/chunk/{name}?n=0&period=0.05", streams=50, seconds=60
                    )
                    stack.callback(busy.wait)
                    stack.callback(busy.kill)
                    time.sleep(0.5)
                report = load.read(
                    where.port, f"/chunk/{name}?n=0&period=60", streams=1, churn=True, events=1,
                    seconds=bench.seconds / 4,
                )  # fmt: skip
            yield {
                "work": "first", "case": case, "server": where.name, "contender": name,
                "round": number, "p50": report["first_us"]["p50"], "p99": report["first_us"]["p99"],
            }  # fmt: skip


def churn(bench: Bench) -> Iterator[dict[str, Any]]:
    """Streams that are left after three events, 20 at a time."""
    names = bench.there([*PACED[:4], "StreamingResponse"])
    for number, name in itertools.product(range(bench.rounds), names):
        where = bench.server(name)
        before = sum(where.cpu())
        report = load.read(
            where.port, f"/chunk/{name}?n=0&period=0.001", streams=20, churn=True, events=3,
            seconds=bench.seconds / 4,
        )  # fmt: skip
        time.sleep(0.2)  # what is left behind is part of the cost
        yield {
            "work": "churn", "case": "connect, 3 events, leave", "server": where.name,
            "contender": name, "round": number,
            "us": (sum(where.cpu()) - before) / report["opened"] * 1e6,
        }  # fmt: skip


def sizes(bench: Bench) -> Iterator[dict[str, Any]]:
    """Payloads of 20 bytes to 1 MB."""
    names = bench.there(["eventwire", "fastapi.sse", "StreamingResponse orjson"])
    for size in [20, 1000] if bench.smoke else [20, 1000, 10_000, 100_000, 1_000_000]:
        said = [bench.server(name).get(f"/text/{name}?n=3&size={size}") for name in names]
        assert all(events(body) == events(said[0]) for body in said), size
        for number, name in itertools.product(range(bench.rounds), names):
            where = bench.server(name)
            n = 200 if bench.smoke else max(50, min(20_000, 100_000_000 // size // 2))
            n = n // 10 if name == "fastapi.sse" and size < 10_000 else n
            before = sum(where.cpu())
            report = load.read(where.port, f"/text/{name}?n={n}&size={size}")
            assert report["events"] == n, (name, report)
            yield {
                "work": "sizes", "case": f"{size:,} bytes", "server": where.name,
                "contender": name, "round": number, "us": (sum(where.cpu()) - before) / n * 1e6,
            }  # fmt: skip


def slow(bench: Bench) -> Iterator[dict[str, Any]]:
    """Readers that take 20 kB/s of a burst: what the server keeps for each."""
    names = bench.there([*PACED[:4], "StreamingResponse"])
    names, streams = (names[:2], 5) if bench.smoke else (names, 100)
    for name in names:
        with contextlib.ExitStack() as stack:
            where = Bench(stack, []).server(name)
            load.read(where.port, f"/item/{name}?n=1000", streams=50)
            before = where.rss()
            process = load.start(
                where.port, f"/item/{name}?n=0", streams=streams, rate=20_000,
                seconds=1 if bench.smoke else 6,
            )  # fmt: skip
            time.sleep(0.5 if bench.smoke else 5)
            kib = (where.rss() - before) / streams / 1024
            yield {
                "work": "slow", "case": f"{streams} readers of 20 kB/s", "server": where.name,
                "contender": name, "round": 0, "kib": kib,
            }  # fmt: skip
            load.finish(process)


def probe(bench: Bench) -> Iterator[dict[str, Any]]:
    """How long another request takes while 10 sync generators are busy."""
    for number, name in itertools.product(range(bench.rounds), bench.there(BURSTS["sync"])):
        where = bench.server(name)
        busy = load.start(where.port, f"/sync/{name}?n=0", streams=10, seconds=60)
        try:
            time.sleep(0.5)
            report = load.read(
                where.port, "/constant/StreamingResponse?n=1", streams=1, churn=True, events=1,
                seconds=bench.seconds / 4,
            )  # fmt: skip
        finally:
            busy.kill()
            busy.wait()
        yield {
            "work": "probe", "case": "beside 10 busy sync streams", "server": where.name,
            "contender": name, "round": number,
            "p50": report["first_us"]["p50"], "p99": report["first_us"]["p99"],
        }  # fmt: skip


def layers(bench: Bench) -> Iterator[dict[str, Any]]:
    """The burst below 0, 1 and 4 layers of BaseHTTPMiddleware."""
    names = bench.there(["eventwire", "fastapi.sse", "sse-starlette", "StreamingResponse"])
    for count in [1] if bench.smoke else [0, 1, 4]:
        with Server(LAYERS=str(count)) as where:
            said = [events(where.get(f"/item/{name}?n=20")) for name in names]
            assert all(data == said[0] for data in said), count
            for number, name in itertools.product(range(bench.rounds), names):
                n = 2000 if bench.smoke else 100_000 if name == "eventwire" else 5000
                before = sum(where.cpu())
                report = load.read(where.port, f"/item/{name}?n={n}")
                assert report["events"] == n, (name, report)
                yield {
                    "work": "layers", "case": f"{count} layers of BaseHTTPMiddleware",
                    "server": where.name, "contender": name, "round": number,
                    "us": (sum(where.cpu()) - before) / n * 1e6,
                }  # fmt: skip


WORKS = {
    work.__name__: work
    for work in (
        *(burst, servers, paced, chats, capacity, idle, first),
        *(churn, sizes, slow, probe, layers),
    )
}
