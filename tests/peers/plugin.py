"""Pytest plugin of `make peers`: checks that the tests are about us, and the list of exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import expected  # written by run.py
from expectations import pytest_collection_modifyitems  # noqa: F401  # a hook

import eventwire.fastapi
from eventwire import _fastapi_hook

if TYPE_CHECKING:
    import pytest

_streamed: set[str] = set()
_running = ""


class _Counted(_fastapi_hook.RouteResponse):
    """Notes which test file's routes answered with our response."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        _streamed.add(_running)
        super().__init__(*args, **kwargs)


def pytest_configure() -> None:
    """Count from the first import of a test file on."""
    assert issubclass(eventwire.fastapi.EventSourceResponse, eventwire.EventSourceResponse)
    _fastapi_hook.RouteResponse = _Counted


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember whose routes are about to answer."""
    global _running  # noqa: PLW0603  # hooks of a plugin module share nothing else
    _running = item.nodeid.partition("::")[0]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A green run in which FastAPI's own streams answered would say nothing."""
    if exitstatus == 0 and (untouched := set(expected.EVENTS) - _streamed):
        print(f"\nno stream of eventwire answered in {sorted(untouched)}")
        session.exitstatus = 1
