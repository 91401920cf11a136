"""Measures streams end to end and keeps the results.

python benches/streams [WORK ...] [--only WORDS] [--rounds N] [--seconds S] [--smoke]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import report
from bench import Bench
from bursts import BURSTS
from payloads import FRAME
from server import CLIENT_CORE, ROOT, SERVER_CORE
from works import WORKS

import load

RESULTS = ROOT / "benches/results"
PACKAGES = [
    *["eventwire", "fastapi", "starlette", "sse-starlette", "litestar", "pydantic", "orjson"],
    *["uvicorn", "uvloop", "httptools", "granian", "hypercorn"],
]


def versions() -> dict[str, str]:
    """What is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def commit() -> str:
    """Which eventwire it is."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def sources() -> list[str]:
    """What the library is made of, whatever else changes: the trees of its sources."""
    command = ["git", "rev-parse", "HEAD:python", "HEAD:rust/core/src", "HEAD:rust/binding/src"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split()


def machine() -> dict[str, object]:
    """Where it runs."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line for line in info.splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    load_average = [round(x, 2) for x in os.getloadavg()]
    return {
        "cpu": model, "cores": os.cpu_count(), "server_core": SERVER_CORE,
        "client_core": CLIENT_CORE, "system": platform.platform(), "load_before": load_average,
    }  # fmt: skip


def main() -> None:
    """Measure what is asked for; everything by default."""
    parser = argparse.ArgumentParser(prog="benches/streams")
    parser.add_argument(
        "works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}; default: all"
    )
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of contenders")
    parser.add_argument("--payloads", nargs="*", default=[], choices=BURSTS, help="of the burst")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one measurement, about")
    parser.add_argument("--smoke", action="store_true", help="every case for a moment")
    parser.add_argument("--out", type=Path, help="where to keep the results")
    parser.add_argument("--onto", action="store_true", help="add to --out, of the same sources")
    options = parser.parse_args()
    if unknown := set(options.works) - WORKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(WORKS)}")
    load.build()
    load.pin()
    # 10,000 connections; the servers and the client inherit it.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    now = datetime.now(UTC)
    result: dict[str, object] = {
        "commit": commit(), "date": now.isoformat(timespec="seconds"), "versions": versions(),
        "machine": machine(), "sources": sources(), "records": (records := []),
    }  # fmt: skip
    out = options.out or RESULTS / f"streams-{now:%Y%m%d-%H%M%S}-{result['commit']}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    if options.onto:
        earlier = json.loads(out.read_text())
        if [earlier[key] for key in ("sources", "versions")] != [
            result["sources"],
            result["versions"],
        ]:
            parser.error(f"{out} is of other sources or versions")
        measured = options.works or WORKS
        records.extend(r for r in earlier["records"] if r["work"] not in measured)
    rounds, seconds = (1, 0.8) if options.smoke else (options.rounds, options.seconds)
    limit = load.ceiling(FRAME, 0.5 if options.smoke else 3.0)
    result["client"] = {
        "events_per_second": limit["events"] / limit["seconds"],
        "us": limit["cpu_seconds"] / limit["events"] * 1e6,
    }
    with contextlib.ExitStack() as stack:
        bench = Bench(
            *(stack, options.only, options.payloads), rounds, seconds, smoke=options.smoke
        )
        for name in options.works or WORKS:
            since = time.monotonic()
            records.extend({**record} for record in WORKS[name](bench))
            result["left_out"] = bench.left_out
            # What is measured is kept, whatever happens to the rest.
            out.write_text(json.dumps(result, indent=1) + "\n")
            print(f"{name}: {time.monotonic() - since:.0f} s", file=sys.stderr)
    print(report.tables(result))
    print(f"\nkept in {out}")


if __name__ == "__main__":
    main()
