"""Works with events that are due at a time."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

from bench import Bench, check

import load

if TYPE_CHECKING:
    from collections.abc import Iterator

PACED = [
    *["eventwire", "eventwire.sse_starlette", "fastapi.sse", "sse-starlette"],
    *["eventwire Starlette", "StreamingResponse", "litestar", "axum", "go"],
]
CAPACITY = [
    *["eventwire", "fastapi.sse", "sse-starlette", "litestar", "StreamingResponse", "axum", "go"]
]
CHATS = ["eventwire", "fastapi.sse", "StreamingResponse"]
LATE = 50_000
"""µs of lateness that the 99th percentile may have for a server to hold its streams."""


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


def overhead(bench: Bench) -> Iterator[dict[str, Any]]:
    """The same, always with the same item, beside a raw loop and a response of constant bytes."""
    streams, rate = (5, 20) if bench.smoke else (300, 20)
    paths = {
        "raw ASGI": "/constant/raw ASGI",
        "StreamingResponse, constant bytes": "/constant/StreamingResponse",
        **{name: f"/item/{name}" for name in PACED if name not in {"axum", "go", "litestar"}},
        # Those two take no models: dicts that hold the JSON.
        **{name: f"/dicts/{name}" for name in ("eventwire.sse_starlette", "sse-starlette")},
    }
    names = bench.there([*paths])
    for number, name in itertools.product(range(bench.rounds), names):
        figures = steady(bench, name, paths[name], streams, rate, period=1 / rate)
        yield {
            "work": "overhead", "case": f"{streams} streams, {rate} events/s, the same item",
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
