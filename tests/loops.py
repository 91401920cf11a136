"""Event loops to run streams on: where the Python has them, also with eager tasks.

An eager task starts inside `create_task`, and may have ended when that returns.
"""

from __future__ import annotations

import asyncio

import uvloop

_new = asyncio.new_event_loop  # tests replace it


def plain() -> asyncio.AbstractEventLoop:
    """Make asyncio's own loop."""
    return _new()


def eager() -> asyncio.AbstractEventLoop:
    """Make asyncio's own loop, with tasks that are eager.

    By asyncio's very factory: anyio, whose task groups do not work with eager tasks, knows it by
    its code and makes other tasks then.
    """
    loop = plain()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def eager_uvloop() -> asyncio.AbstractEventLoop:
    """Make uvloop's loop, with tasks that are eager."""

    def factory(loop, coroutine, *, eager_start=None, **options):
        # uvloop always gives `eager_start`, which the factory takes from Python 3.13.3 on only.
        return asyncio.eager_task_factory(loop, coroutine, **options)

    loop = uvloop.new_event_loop()
    loop.set_task_factory(factory)
    return loop


HAS_EAGER = hasattr(asyncio, "eager_task_factory")  # from 3.12 on

LOOPS = {"asyncio": plain}
"""By name, what makes them."""
if HAS_EAGER:
    LOOPS["eager"] = eager

ALL_LOOPS = {**LOOPS, "uvloop": uvloop.new_event_loop}
"""Of both implementations."""
if HAS_EAGER:
    ALL_LOOPS["eager uvloop"] = eager_uvloop
