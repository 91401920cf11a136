"""Works that stream as fast as it goes. A record's `us` is the server's CPU per event in µs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from bench import Bench, check, events
from server import Server

import load

if TYPE_CHECKING:
    from collections.abc import Iterator

# Who streams a payload; the first is what others are compared with.
BURSTS = {
    "item": [
        *["eventwire", "eventwire Starlette", "eventwire.sse_starlette", "fastapi.sse"],
        *["sse-starlette", "litestar"],
        *["StreamingResponse", "StreamingResponse orjson", "axum", "go"],
    ],
    "chunk": [
        *["eventwire", "eventwire Starlette", "eventwire.sse_starlette", "fastapi.sse"],
        *["sse-starlette", "litestar"],
        *["StreamingResponse", "StreamingResponse orjson", "axum", "go"],
    ],
    "untyped": ["eventwire", "fastapi.sse", "StreamingResponse"],
    "event": ["eventwire", "eventwire native", "fastapi.sse"],
    "sync": ["eventwire", "fastapi.sse"],
    # Dicts of an event's arguments, and frames that are encoded already.
    "dicts": ["eventwire.sse_starlette", "sse-starlette"],
    "frames": ["eventwire.sse_starlette", "sse-starlette"],
    # A chunk is made for each token, or the one template filled in; constant frames are the floor.
    "token": [
        *["eventwire", "eventwire template", "constant frames", "fastapi.sse"],
        "StreamingResponse",
    ],
    "constant": ["raw ASGI", "StreamingResponse"],
}
SERVERS = ["uvicorn", "granian", "hypercorn"]


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


def growth(bench: Bench) -> Iterator[dict[str, Any]]:
    """The burst by how many streams there are at once, and by how long they are."""
    names = bench.there(["eventwire", "fastapi.sse", "StreamingResponse"])
    check(bench, "item", names)
    for by, amount in itertools.product(
        ["streams at once", "events a stream"],
        [1, 10] if bench.smoke else [1, 10, 100, 1000, 10_000, 100_000],
    ):
        if by == "streams at once" and amount > 1000:
            continue
        for number, name in itertools.product(range(min(bench.rounds, 3)), names):
            where = bench.server(name)
            total = 200 if bench.smoke else 100_000 if name == "eventwire" else 10_000
            if by == "streams at once":
                streams, n, more = amount, max(100, total // amount), {}
            elif amount > total:
                continue
            else:
                # One after another, on connections of their own, each ended by the server.
                streams, n = 1, amount
                more = {"churn": True, "seconds": bench.seconds / 4}
            before = sum(where.cpu())
            report = load.read(where.port, f"/item/{name}?n={n}", streams=streams, **more)
            yield {
                "work": "growth", "case": f"{amount:,} {by}", "server": where.name,
                "contender": name, "round": number,
                "us": (sum(where.cpu()) - before) / report["events"] * 1e6,
            }  # fmt: skip
