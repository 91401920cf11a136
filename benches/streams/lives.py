"""Works with streams that wait, are left, or are read slowly; and a request beside busy ones."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

from bench import Bench
from bursts import BURSTS
from pacing import PACED

import load

if TYPE_CHECKING:
    from collections.abc import Iterator


def idle(bench: Bench) -> Iterator[dict[str, Any]]:
    """Streams that wait."""
    names = bench.there([*PACED[:4], "StreamingResponse"])
    names = names[:2] if bench.smoke else names
    for streams, name in itertools.product([50] if bench.smoke else [1000, 10_000], names):
        with contextlib.ExitStack() as stack:
            where = Bench(stack, []).server(name)
            target = f"/chunk/{name}?n=0&period=600"
            # Warm: modules, caches, the allocator's first arenas.
            load.read(where.port, target, streams=50, events=1, seconds=5)
            time.sleep(0.5)
            before, tasks = where.rss(), int(where.get("/tasks"))
            process = load.start(
                where.port, target, streams=streams, ramp=500, seconds=streams / 500 + 5
            )
            time.sleep(streams / 500 + 1.5)
            rss = where.rss() - before
            tasks = int(where.get("/tasks")) - tasks
            assert tasks >= streams, (name, tasks)  # all of them are open
            used = sum(where.cpu())
            time.sleep(2)
            yield {
                "work": "idle", "case": f"{streams} streams", "server": where.name,
                "contender": name, "round": 0, "kib": rss / streams / 1024,
                "tasks": tasks / streams,
                "us_per_s": (sum(where.cpu()) - used) / 2 / streams * 1e6,
            }  # fmt: skip
            process.kill()
            process.wait()


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


def slow(bench: Bench) -> Iterator[dict[str, Any]]:
    """Readers that take 20 kB/s of a burst: what the server keeps for each.

    The kernel takes some MB of each stream first; all contenders are to get beyond that.
    """
    names = bench.there(["eventwire", "fastapi.sse", "StreamingResponse orjson"])
    names, streams = (names[:2], 5) if bench.smoke else (names, 20)
    for name in names:
        with contextlib.ExitStack() as stack:
            where = Bench(stack, []).server(name)
            load.read(where.port, f"/text/{name}?n=100&size=10000", streams=20)
            before = where.rss()
            process = load.start(
                where.port, f"/text/{name}?n=0&size=10000", streams=streams, rate=20_000,
                seconds=1 if bench.smoke else 7,
            )  # fmt: skip
            time.sleep(0.5 if bench.smoke else 6)
            kib = (where.rss() - before) / streams / 1024
            yield {
                "work": "slow", "case": f"{streams} readers of 20 kB/s, 10 kB events",
                "server": where.name, "contender": name, "round": 0, "kib": kib,
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
