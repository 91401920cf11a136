"""``AppStatus``: whether streams are to end, asked and told.

Servers are watched as for all our streams (:mod:`eventwire._shutdown`); no attribute of uvicorn is
changed. What is here beside that is the flag that applications set and read.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventwire._shutdown import Drainable

_lock = threading.Lock()
_watching: dict[Callable[[], object], asyncio.AbstractEventLoop | None] = {}


class _Flag(type):
    """A flag of the class: assigned True it ends the streams that are open, on every loop."""

    _set = False
    _told = False

    @property
    def should_exit(cls) -> bool:
        """Whether it was set, or the server of an open stream is stopping."""
        return cls._set or cls._told

    @should_exit.setter
    def should_exit(cls, value: bool) -> None:
        cls._set, cls._told = bool(value), False
        if value:
            with _lock:
                watching = [*_watching.items()]
            for tell, loop in watching:
                if loop is None:
                    tell()
                    continue
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(tell)

    @should_exit.deleter
    def should_exit(cls) -> None:  # as `monkeypatch` undoes it
        cls._set = cls._told = False


class AppStatus(metaclass=_Flag):
    """``sse_starlette.sse.AppStatus``: the application's word on open streams.

    ``AppStatus.should_exit = True``, from any thread, ends all open streams of these responses as a
    stop of their server does, and those that start later, until it is False again. It reads as True
    while their server stops, too.
    """

    enable_automatic_graceful_drain = True
    original_handler: Callable[..., Any] | None = None
    """What :meth:`handle_exit` calls; there is nothing to call unless somebody sets it."""

    @staticmethod
    def disable_automatic_graceful_drain() -> None:
        """Leave streams alone when their server stops, until ``should_exit`` is set."""
        AppStatus.enable_automatic_graceful_drain = False

    @staticmethod
    def enable_automatic_graceful_drain_mode() -> None:
        """End streams when their server stops: the default."""
        AppStatus.enable_automatic_graceful_drain = True

    @staticmethod
    def handle_exit(*args: Any, **kwargs: Any) -> None:
        """Do what a signal does, for applications with handlers of their own."""
        if AppStatus.enable_automatic_graceful_drain:
            AppStatus.should_exit = True
        if AppStatus.original_handler is not None:
            AppStatus.original_handler(*args, **kwargs)


class Watch:
    """One stream's part in a stop: registered with :mod:`eventwire._shutdown` in its place."""

    def __init__(self, stream: Drainable) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        AppStatus._told = False  # noqa: SLF001  # another server's stop may be over

    def __enter__(self) -> None:
        watch(self._drain, self._loop)

    def __exit__(self, *_: object) -> None:
        unwatch(self._drain)

    def _drain(self) -> None:
        self._stream.drain()

    def drain(self, grace_period: float = 0.0) -> float:
        """Take the server's stop, unless the application wants to say it itself."""
        if not AppStatus.enable_automatic_graceful_drain:
            return self._loop.time()
        AppStatus._told = True  # noqa: SLF001
        return self._stream.drain(grace_period)


def watch(tell: Callable[[], object], loop: asyncio.AbstractEventLoop | None) -> None:
    """Call ``tell`` on the loop (None: at once, where it is set) when ``should_exit`` is set."""
    with _lock:
        _watching[tell] = loop
    if AppStatus.should_exit:
        tell()


def unwatch(tell: Callable[[], object]) -> None:
    """Call it no longer."""
    with _lock:
        _watching.pop(tell, None)
