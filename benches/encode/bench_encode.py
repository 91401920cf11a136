"""The cases under pytest-benchmark, to look into one of them or to compare saved runs.

Ratios are better read from `make bench-encode`, which times the contenders of a case in turns.
"""

from __future__ import annotations

import pytest

from encode.cases import CASES


@pytest.mark.parametrize(
    ("case", "contender"),
    [pytest.param(case, name, id=f"{case.name}-{name}") for case in CASES for name in case.calls()],
)
def test_encode(benchmark, case, contender):
    """The outputs of all contenders agree; then one of them is timed."""
    case.check()
    benchmark.group = case.name
    benchmark.name = contender
    benchmark(case.calls()[contender])
