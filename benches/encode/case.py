"""A case: contenders that make the same bytes, the first of them eventwire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Call = Callable[[], bytes]


@dataclass(frozen=True)
class Case:
    """One row group of the report."""

    name: str
    contenders: dict[str, Call]
    """Ours first, then the rival that the goal speaks of, then others."""
    goal: float | None = None
    """How many times as long as ours the first rival takes, at least."""
    floors: dict[str, Call] = field(default_factory=dict)
    """Calls that do less than the work, such as copying the payload: what no encoder can beat."""

    def calls(self) -> dict[str, Call]:
        """Everything that is timed."""
        return self.contenders | self.floors

    def check(self) -> None:
        """Compare the outputs, twice: a plan is compiled by the first call."""
        for _ in range(2):
            outputs = {name: call() for name, call in self.contenders.items()}
            first = next(iter(outputs.values()))
            assert first.endswith(b"\n\n"), f"{self.name}: no whole frame: {first!r:.200}"
            for name, output in outputs.items():
                assert output == first, (
                    f"{self.name}: {name}: {output!r:.200} is not {first!r:.200}"
                )
            for name, call in self.floors.items():
                assert len(call()) <= len(first), f"{self.name}: {name} does more than the work"
