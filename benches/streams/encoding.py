"""The cases of `make bench-encode` as a work, so that the report and comparisons have them, too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from encode.__main__ import measure
from encode.cases import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench import Bench


def encode(bench: Bench) -> Iterator[dict[str, Any]]:
    """Encoding alone, in this process; a record's `ns` is the CPU time of a call."""
    for case in CASES:
        case.check()
        seconds = measure(case.calls(), 1 if bench.smoke else 11)
        for position, (name, rounds) in enumerate(seconds.items()):
            for number, each in enumerate(rounds):
                yield {
                    "work": "encode", "case": case.name, "server": "none",
                    # Some of ours are called after the form that they write.
                    "contender": name if position else "eventwire",
                    "round": number, "ns": each * 1e9,
                }  # fmt: skip
