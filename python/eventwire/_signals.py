"""The signals that ask a process to stop, noticed while streams are open.

Servers tell their applications nothing of a stop before all responses have ended. So while
streams are open, on the main thread, the server's handlers of SIGTERM and SIGINT are replaced by
ones that tell us and then call them; the last stream puts them back, if ours are still there.
Never replaced: handlers that are not callable (``SIG_DFL``, ``SIG_IGN``), and those that interrupt
the program instead of asking a server to stop (``KeyboardInterrupt``, ``asyncio.Runner``'s):
they end streams by themselves, and a runner that does not find its own handler at its end leaves
a stale one behind.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# The interpreter's own functions. The public ones convert handlers from and to an enum: 2 µs for
# one that is no member, 20 if its `repr` is long, eight times in the life of a lone stream.
try:
    _signal = importlib.import_module("_signal")
except ImportError:
    _signal = signal

NUMBERS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
)


class Handler:
    """Tells, then calls the handler it replaced.

    It may outlive its streams: a server that started while they were open puts back, at its own
    end, what it found. Then there is nobody to tell, and the call goes on as before.
    """

    __slots__ = ("previous",)

    def __init__(self, previous: Callable[[int, FrameType | None], Any]) -> None:
        self.previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> None:
        for tell in list(_told):
            tell()
        self.previous(number, frame)


_told: set[Callable[[], object]] = set()
_installed: dict[int, Handler] = {}


def watch(tell: Callable[[], object]) -> bool:
    """Have ``tell`` called, inside a signal handler, when the process is asked to stop.

    Returns False where no handler can be, or need be, replaced: off the main thread and where
    nobody handles the signals. Calling it again repeats what somebody has undone meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    for number in NUMBERS:
        current = _signal.getsignal(number)
        if isinstance(current, Handler):
            _installed[number] = current
        elif callable(current) and not _interrupts(current):
            try:
                _signal.signal(number, handler := Handler(current))
            except ValueError:  # not in the main interpreter
                return False
            _installed[number] = handler
        else:
            _installed.pop(number, None)
    if _installed:
        _told.add(tell)
    return bool(_installed)


def unwatch(tell: Callable[[], object]) -> None:
    """Undo ``watch``; the last one restores the handlers."""
    _told.discard(tell)
    if _told or threading.current_thread() is not threading.main_thread():
        return
    for number, handler in _installed.items():
        previous = handler.previous
        if _signal.getsignal(number) is handler:
            _signal.signal(number, previous)
    _installed.clear()


def _interrupts(handler: object) -> bool:
    if isinstance(handler, functools.partial):
        handler = handler.func
    return handler is signal.default_int_handler or isinstance(
        getattr(handler, "__self__", None), asyncio.Runner
    )
