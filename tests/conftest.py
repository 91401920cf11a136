"""Fixtures that every test file may use."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from eventwire import _outbox
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# `pytest --hypothesis-profile=slow` looks longer for counterexamples.
settings.register_profile("fast", max_examples=100)
settings.register_profile("slow", max_examples=4000)
settings.load_profile("fast")


@pytest.fixture(params=["httptools-uvloop", "h11-asyncio"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Return a function that serves an ASGI application on a real uvicorn until the test ends.

    Both HTTP implementations and both event loops; `serve.combination` names the one in use.
    """
    http, loop = request.param.split("-")
    with contextlib.ExitStack() as stack:

        def start(app: object, **options: object) -> Server:
            return stack.enter_context(Server(app, http=http, loop=loop, **options))

        yield start


@pytest.fixture(params=["server", "stranger"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make every `send` a recognised server's, or leave it a stranger's."""
    if request.param == "server":
        monkeypatch.setattr(_outbox, "server_send", lambda send: send)
    return request.param
