"""What both plugins share: the tests that are expected to fail."""

from __future__ import annotations

import expected  # written by run.py or facade.py
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Listed tests must exist, and fail."""
    known = {item.nodeid: item for item in items}
    if gone := set(expected.EXPECTED) - set(known):
        raise pytest.UsageError(f"listed as expected to fail, but not there: {sorted(gone)}")
    for nodeid, reason in expected.EXPECTED.items():
        known[nodeid].add_marker(pytest.mark.xfail(reason=reason, strict=True))
