"""Print what each case costs: median and ratio to eventwire, with the spread over the rounds.

The contenders of a case are timed in turns, so that whatever else the machine does meets all of
them, and a ratio is taken within a round. The clock is the CPU time of the thread, the garbage
collector is off (as in `timeit`), and what calling an empty function costs is subtracted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
import timeit
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from encode.cases import CASES

if TYPE_CHECKING:
    from encode.case import Call, Case

SLICE = 0.004
"""Seconds of CPU for one contender in one round."""
PACKAGES = ["eventwire", "pydantic", "pydantic-core", "fastapi", "orjson"]
SDKS = ["openai", "anthropic", "ag-ui-protocol"]


def main() -> int:
    """Compare, then measure and print."""
    parser = argparse.ArgumentParser(prog="python -m encode", description=__doc__)
    parser.add_argument("cases", nargs="*", help="only cases with one of these words in the name")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--check", action="store_true", help="compare the outputs, measure nothing")
    arguments = parser.parse_args()
    chosen = [
        case
        for case in CASES
        if not arguments.cases or any(word in case.name for word in arguments.cases)
    ]
    for case in chosen:
        case.check()
    if arguments.check:
        print(f"{len(chosen)} cases: the outputs agree")
        return 0
    print(machine(), end="\n\n")
    print("| case | contender | median ns | ratio to eventwire (min to max) | goal |")
    print("|---|---|---:|---:|---|")
    for case in chosen:
        for row in rows(case, measure(case.calls(), arguments.rounds)):
            print(f"| {' | '.join(row)} |", flush=True)
    return 0


def machine() -> str:
    """Say what this was measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].partition(": ")[2] if models else cpu
    versions = []
    for package in PACKAGES + SDKS:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{cpu}, {os.cpu_count()} cores, load {load}; {platform.system()} {platform.release()}\n"
        f"{python}; {', '.join(versions)}"
    )


def measure(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of one call, a figure for each round."""
    timers = {name: timeit.Timer(call, timer=time.thread_time) for name, call in calls.items()}
    empty = timeit.Timer(lambda: b"", timer=time.thread_time)
    number = {name: calibrate(timer) for name, timer in timers.items()}
    empties = calibrate(empty)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        overhead = empty.timeit(empties) / empties
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            each = timers[name].timeit(number[name]) / number[name]
            seconds[name].append(each - overhead)
    return seconds


def calibrate(timer: timeit.Timer) -> int:
    """Return how many calls fill a slice."""
    number = 1
    while (taken := timer.timeit(number)) < SLICE / 4:
        number *= 2
    return max(1, round(number * SLICE / taken))


def rows(case: Case, seconds: dict[str, list[float]]) -> list[list[str]]:
    """Return the cells of a case, a row for each contender."""
    ours, *others = seconds
    rival = others[0]
    cells = [[case.name, ours, nanoseconds(seconds[ours]), "1", ""]]
    for name in others:
        ratios = [theirs / mine for theirs, mine in zip(seconds[name], seconds[ours], strict=True)]
        ratio = statistics.median(ratios)
        goal = ""
        if name == rival and case.goal is not None:
            goal = f"≥ {case.goal:.3g}{'' if ratio >= case.goal else ' MISSED'}"
        spread = f"{ratio:.3g} ({min(ratios):.3g} to {max(ratios):.3g})"
        cells.append(["", name, nanoseconds(seconds[name]), spread, goal])
    return cells


def nanoseconds(seconds: list[float]) -> str:
    """Return the median."""
    return f"{statistics.median(seconds) * 1e9:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
