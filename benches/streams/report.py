"""Results as tables, and as the report with its pictures.

python benches/streams/report.py [RESULTS.json]       (the newest by default)
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

BENCHES = Path(__file__).parents[1]
RULES = """\
- The server has one core, the load client another; nothing else is started.
- What each contender sends is decoded and compared before anything is timed.
- Contenders take turns within each round. A figure is the median of the rounds with the lowest and
  the highest; a ratio is taken within a round and never between runs.
- Each rival is the newest version, used as its documentation recommends; uvicorn runs with uvloop
  and httptools.
- CPU is the server's own, user and system, as the kernel's scheduler counts it.
- Where eventwire does not win, the table says so.
"""
TITLES = {
    "encode": "Encoding alone",
    "burst": "Burst: events as fast as they come",
    "growth": "Growth",
    "servers": "The same on other servers",
    "paced": "Paced tokens",
    "overhead": "Paced, without the making of tokens",
    "chats": "Chats: a server that speaks OpenAI's protocol",
    "capacity": "Capacity: streams that one core holds",
    "idle": "Idle streams",
    "first": "First event",
    "churn": "Connect, read, leave",
    "sizes": "Payload sizes",
    "slow": "Slow readers",
    "probe": "Another request beside busy sync generators",
    "layers": "Layers of middleware",
}
COLUMNS = {
    "encode": [("ns", "CPU ns per call", 0)],
    "burst": [("us", "CPU µs per event", 2), ("rate", "events/s", 0)],
    "growth": [("us", "CPU µs per event", 2)],
    "servers": [("us", "CPU µs per event", 2), ("rate", "events/s", 0)],
    "paced": [
        *[("us", "CPU µs per event", 1), ("above", "above the raw loop, µs", 1)],
        *[("late_p50", "late p50, µs", 0), ("late_p99", "late p99, µs", 0)],
    ],
    "overhead": [
        *[("us", "CPU µs per event", 1), ("user_us", "of it user", 1)],
        *[("above", "above the raw loop, µs", 1), ("user_above", "of it user", 1)],
    ],
    "chats": [
        *[("us", "CPU µs per token", 1), ("rate", "tokens/s", 0)],
        *[("late_p50", "late p50, µs", 0), ("late_p99", "late p99, µs", 0)],
    ],
    "capacity": [("streams", "streams", 0)],
    "idle": [
        *[("kib", "KiB per stream", 1), ("tasks", "tasks per stream", 1)],
        ("us_per_s", "CPU µs per stream and second", 1),
    ],
    "first": [("p50", "p50, µs", 0), ("p99", "p99, µs", 0)],
    "churn": [("us", "CPU µs per stream", 0)],
    "sizes": [("us", "CPU µs per event", 1)],
    "slow": [("kib", "KiB per stream", 0)],
    "probe": [("p50", "p50, µs", 0), ("p99", "p99, µs", 0)],
    "layers": [("us", "CPU µs per event", 2)],
}
OURS = "eventwire"
FACADE = "eventwire.sse_starlette"

Cells = dict[str, dict[int, dict[str, Any]]]
"""By contender, by round: the figures."""


def spread(values: Iterable[float], digits: int) -> str:
    """Median, lowest and highest."""
    values = sorted(values)
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({values[0]:,.{digits}f} to {values[-1]:,.{digits}f})"


def by_case(result: dict[str, Any], work: str) -> dict[str, Cells]:
    """The records of one work."""
    cases: dict[str, Cells] = defaultdict(lambda: defaultdict(dict))
    for record in result["records"]:
        if record["work"] == work:
            cases[record["case"]][record["contender"]][record["round"]] = dict(record)
    for cells in cases.values():
        floor = cells.get("raw ASGI", {})
        for rounds in cells.values():
            for number, record in rounds.items():
                if record["contender"] == "raw ASGI":
                    # Its bytes do not say when they were due.
                    record.pop("late_p50", None), record.pop("late_p99", None)
                if "us" in record and number in floor:
                    record["above"] = record["us"] - floor[number]["us"]
                if "user_us" in record and number in floor:
                    record["user_above"] = record["user_us"] - floor[number]["user_us"]
    return cases


def ratios(cells: Cells, name: str, key: str, base: str = "") -> list[float]:
    """A contender's figures as multiples of ours (``base``), round by round."""
    ours = cells[base] if base else cells.get(OURS) or cells.get(FACADE, {})
    shared = ours.keys() & cells[name].keys()
    return [cells[name][n][key] / ours[n][key] for n in sorted(shared) if ours[n][key]]


def table(work: str, case: str, cells: Cells) -> str:
    """One case."""
    columns = [
        c for c in COLUMNS[work] if any(c[0] in r for rs in cells.values() for r in rs.values())
    ]
    lines = [f"| {case} | " + " | ".join(title for _, title, _ in columns) + " | to eventwire |"]
    lines.append("|---|" + "---:|" * (len(columns) + 1))
    for name, rounds in cells.items():
        row = [name]
        for key, _, digits in columns:
            values = [record[key] for record in rounds.values() if key in record]
            row.append(spread(values, digits) if values else "")
        is_ours = name == (OURS if OURS in cells else FACADE)
        found = [] if is_ours else ratios(cells, name, columns[0][0])
        row.append(spread(found, 2) + "x" if found else "1" if is_ours else "")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def tables(result: dict[str, Any]) -> str:
    """All cases."""
    parts = []
    for work, title in TITLES.items():
        cases = by_case(result, work)
        if cases:
            parts.append(f"## {title}")
            parts += [table(work, case, cells) for case, cells in cases.items()]
    return "\n\n".join(parts)


def head(result: dict[str, Any]) -> str:
    """Rules, machine and versions."""
    machine, client = result["machine"], result["client"]
    found = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    left = "".join(f"\nLeft out: {n} ({why})." for n, why in result["left_out"].items())
    return f"""\
# Benchmarks of streams

Made by `make bench-streams`, `make bench-report`; {result["date"]}, commit {result["commit"]}.
What the costs that remain consist of: [PROFILE.md](PROFILE.md).

## Rules

{RULES}
{machine["cpu"]}, {machine["cores"]} cores, load {machine["load_before"][0]} before;
{machine["system"]}.
{found}.{left}

The load client takes {client["events_per_second"]:,.0f} events a second ({client["us"]:.2f} µs of
CPU each) from a source that only repeats itself: what is below that is the server's own limit.
"""


def newest() -> Path:
    """The last results that were kept."""
    return max((BENCHES / "results").glob("streams-*.json"), key=lambda path: path.stat().st_mtime)


def main() -> None:
    """Write REPORT.md and the pictures."""
    import pictures  # noqa: PLC0415  # tables need no matplotlib

    parser = argparse.ArgumentParser(prog="benches/streams/report.py")
    parser.add_argument("results", nargs="?", type=Path, help="default: the newest")
    parser.add_argument("--out", type=Path, default=BENCHES, help="the folder")
    options = parser.parse_args()
    path = options.results or newest()
    result = json.loads(path.read_text())
    drawn = pictures.draw(result, options.out / "pictures")
    shown = "\n".join(
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="pictures/{name}-dark.svg">'
        f'<img alt="{title}" src="pictures/{name}-light.svg"></picture>\n'
        for name, title in drawn.items()
    )
    report = options.out / "REPORT.md"
    report.write_text(f"{head(result)}\n{shown}\n{tables(result)}\n")
    print(f"{report}, from {path}")


if __name__ == "__main__":
    main()
