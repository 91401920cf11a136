"""Fixtures that every test file may use."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import loops
from eventwire import _outbox
from servers import COMBINATIONS, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A shell starts what runs in the background with SIGINT ignored, which processes inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# `pytest --hypothesis-profile=slow` looks longer for counterexamples.
settings.register_profile("fast", max_examples=100)
settings.register_profile("slow", max_examples=4000)
settings.load_profile("fast")


@pytest.fixture(params=COMBINATIONS)
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Return a function that serves an ASGI application on a real uvicorn until the test ends.

    Both HTTP implementations and both event loops, and eager tasks where the Python has them.
    """
    http, loop = request.param.split("-")
    with contextlib.ExitStack() as stack:

        def start(app: object, **options: object) -> Server:
            return stack.enter_context(Server(app, http=http, loop=loop, **options))

        yield start


@pytest.fixture(params=itertools.product(["server", "stranger"], loops.LOOPS), ids=", ".join)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every `send` a recognised server's or leave it a stranger's; on each kind of loop."""
    sender, loop = request.param
    if sender == "server":
        monkeypatch.setattr(_outbox, "server_send", lambda send: send)
    # Where `asyncio.run` gets its loop from.
    monkeypatch.setattr(asyncio.events, "new_event_loop", loops.LOOPS[loop])
