"""The loops that tests run streams on are what their names say: else eager tasks go untested."""

from __future__ import annotations

import asyncio
import sys

import pytest

import loops
from servers import COMBINATIONS


@pytest.mark.parametrize("name", loops.ALL_LOOPS)
def test_tasks_start_inside_create_task_on_the_eager_ones_alone(name):
    """The factory is in force on both implementations."""

    async def main():
        started = []

        async def task():
            started.append(True)

        running = asyncio.create_task(task())
        at_once = bool(started)
        await running
        return at_once

    with asyncio.Runner(loop_factory=loops.ALL_LOOPS[name]) as runner:
        assert runner.run(main()) is ("eager" in name)


def test_a_python_that_has_eager_tasks_is_tested_with_them():
    """In this process, and on the real server."""
    eager = [name for name in [*loops.ALL_LOOPS, *COMBINATIONS] if "eager" in name]
    assert len(eager) == (3 if sys.version_info >= (3, 12) else 0)


def test_the_fixture_decides_what_asyncio_run_uses(kind, request):
    """`kind` reaches the loops that tests make without knowing it."""

    async def factory():
        return asyncio.get_running_loop().get_task_factory()

    eager = "eager" in request.node.callspec.id
    assert (asyncio.run(factory()) is not None) is eager
