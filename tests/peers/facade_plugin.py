"""Pytest plugin of `make peers`: puts our drop-in under `sse_starlette` before anything imports it.

What the sdists lack is here: the fixtures that reset `AppStatus`, a helper, and asyncio for tests
without a mark. Private names that a test file imports are stand-ins which fail when they are used.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from expectations import pytest_collection_modifyitems  # noqa: F401  # a hook

import eventwire.sse_starlette
from eventwire.sse_starlette import sse

if TYPE_CHECKING:
    from collections.abc import Iterator

eventwire.sse_starlette.install()
_answered = 0


class _Private:
    """Stands for a private part of sse-starlette."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: object, **__: object) -> Any:
        raise NotImplementedError(self._name)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(self._name)


@contextlib.contextmanager
def _collapsed() -> Iterator[None]:
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


def pytest_configure() -> None:
    """Prepare what the test files import, and count responses."""
    helper = types.ModuleType("tests.anyio_compat")
    helper.collapse_excgroups = _collapsed  # type: ignore[attr-defined]
    sys.modules.setdefault(helper.__name__, helper)
    for path in Path("tests").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "sse_starlette.sse":
                for name in node.names:
                    if not hasattr(sse, name.name):
                        setattr(sse, name.name, _Private(name.name))
    call = sse.EventSourceResponse.__call__

    async def counted(*arguments: Any) -> None:
        global _answered  # noqa: PLW0603  # hooks of a plugin module share nothing else
        _answered += 1
        await call(*arguments)

    sse.EventSourceResponse.__call__ = counted  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    yield
    sse.AppStatus.should_exit = False
    sse.AppStatus.enable_automatic_graceful_drain_mode()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function that no other plugin runs."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or pyfuncitem.get_closest_marker("anyio"):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A green run without our responses would say nothing."""
    print(f"\n{_answered} responses were eventwire's")
    if exitstatus == 0 and not _answered:
        session.exitstatus = 1
