"""Which uvicorn serves a request, and whether it is stopping.

Uvicorn tells its applications nothing of that, and we change no attribute of it. So the server is
found where it runs: it is ``self`` of the coroutine ``Server.serve`` in some task of the loop.
Nothing here imports uvicorn: what is not loaded cannot be serving.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

# A subclass may replace one of these, and is found by another.
_METHODS = ("serve", "_serve", "main_loop", "shutdown")

# Looking through all tasks costs about 10 µs each; streams below a middleware that runs them in
# tasks of its own would otherwise do it every time.
_LOOK_AGAIN = 1.0


class Servers:
    """The uvicorn servers that run on one event loop; usually one, or none."""

    __slots__ = ("_found", "_loop", "looked_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._found: list[tuple[asyncio.Task[Any], Any]] = []
        self.looked_at: float | None = None
        """When the loop's tasks were last looked through, in the loop's seconds."""

    def of(self, task: asyncio.Task[Any] | None) -> Any:
        """Return the server that runs ``task``; None if that is not known.

        A request's own task is in its server's set. One that a middleware started is not: if
        there is only one server it must be that one.
        """
        if (server := self._runs(task)) is not None:
            return server
        alone = self._alone()
        now = self._loop.time()
        # One that has stopped, or is about to, may have a successor already, whose streams must not
        # end for that.
        if (
            self.looked_at is None
            or now - self.looked_at > _LOOK_AGAIN
            or (alone is not None and alone.should_exit)
            or (self._found and not self._running())
        ):
            self.looked_at = now
            self._found = list(_serving(self._loop))
            if (server := self._runs(task)) is not None:
                return server
            alone = self._alone()
        return alone

    def all_stopping(self) -> bool:
        """Whether every server on the loop has been told to stop, and there is one."""
        running = self._running()
        return bool(running) and all(server.should_exit for server in running)

    def __bool__(self) -> bool:
        return bool(self._found)

    def _runs(self, task: asyncio.Task[Any] | None) -> Any:
        for _, server in self._found:
            if task in server.server_state.tasks:
                return server
        return None

    def _running(self) -> list[Any]:
        return [server for task, server in self._found if not task.done()]

    def _alone(self) -> Any:
        running = self._running()
        return running[0] if len(running) == 1 else None


def _serving(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[asyncio.Task[Any], Any]]:
    """Yield the servers of a loop, each with the task that runs it."""
    module = sys.modules.get("uvicorn.server")
    server_class = getattr(module, "Server", None)
    if server_class is None:
        return
    codes: set[CodeType] = {
        function.__code__
        for name in _METHODS
        if (function := getattr(server_class, name, None)) is not None
    }
    for task in asyncio.all_tasks(loop):
        coroutine: Any = task.get_coro()
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None)
            if frame is not None and frame.f_code in codes:
                server = frame.f_locals.get("self")
                if hasattr(server, "should_exit") and hasattr(server, "server_state"):
                    yield task, server
                break
            coroutine = getattr(coroutine, "cr_await", None)
