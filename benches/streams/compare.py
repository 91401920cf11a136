"""Two results side by side: how ours has changed against its rivals.

    python benches/streams/compare.py A.json B.json [--gate]

What is compared are ratios to the rivals of the same run, because machines differ and change. With
``--gate`` it fails if a ratio is worse by more than both spreads.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from report import COLUMNS, OURS, by_case, ratios, spread

LESS_IS_BETTER = {"ns", "us", "kib", "p50", "late_p99"}


def rows(
    before: dict[str, Any], after: dict[str, Any]
) -> list[tuple[str, list[float], list[float], bool]]:
    """What both have: a name, the ratios then and now, and whether it is worse."""
    found = []
    for work, columns in COLUMNS.items():
        key = columns[0][0]
        then, now = by_case(before, work), by_case(after, work)
        for case in then.keys() & now.keys():
            both = then[case].keys() & now[case].keys()
            ours = {name for name in both if name.startswith(OURS) or name == "constant frames"}
            for base, name in itertools.product(ours, both - ours):
                old, new = (ratios(cells[case], name, key, base) for cells in (then, now))
                if old and new:
                    if key not in LESS_IS_BETTER:
                        old, new = [1 / x for x in old if x], [1 / x for x in new if x]
                    worse = bool(old and new) and max(new) < min(old)
                    found.append((f"{work}, {case}: {name} to {base}", old, new, worse))
    return sorted(found)


def show(before: dict[str, Any], after: dict[str, Any], *, gate: bool) -> int:
    """Print the table; return 1 if ``gate`` and something is worse."""
    print("| rival, as a multiple of ours | then | now | change |")
    print("|---|---:|---:|---:|")
    any_worse = False
    compared = rows(before, after)
    if not compared:
        raise SystemExit("the two results have nothing in common")
    for name, old, new, worse in compared:
        change = statistics.median(new) / statistics.median(old) - 1
        mark = " **worse**" if worse else ""
        print(f"| {name} | {spread(old, 2)} | {spread(new, 2)} | {change:+.0%}{mark} |")
        any_worse |= worse
    return int(gate and any_worse)


def main() -> int:
    """Compare two files."""
    parser = argparse.ArgumentParser(prog="benches/streams/compare.py")
    parser.add_argument("results", nargs=2, type=Path)
    parser.add_argument("--gate", action="store_true")
    options = parser.parse_args()
    before, after = (json.loads(path.read_text()) for path in options.results)
    return show(before, after, gate=options.gate)


if __name__ == "__main__":
    sys.exit(main())
