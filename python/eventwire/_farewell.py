"""The last words of a stream whose server stops: one event, from a function of the user's."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

_log = logging.getLogger("eventwire")


class Farewell:
    """Asks ``words`` for an item and hands it to ``post``.

    ``words()`` returns the item, or an awaitable of it; None is no item. Its errors are logged:
    other streams are to end, too.
    """

    __slots__ = ("_awaited", "_post", "_words", "asking", "said")

    def __init__(self, words: Callable[[], Any], post: Callable[[Any], None]) -> None:
        self._words = words
        self._post = post
        self._awaited: object = None
        self.asking: asyncio.Task[None] | None = None
        """The task that waits for the words, if they take time."""
        self.said = False
        """An item was posted: the body may end cleanly, although its generator was closed."""

    def say(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask, and post what comes, now or later."""
        try:
            words = self._words()
            if inspect.isawaitable(words):
                self._awaited = words
                self.asking = loop.create_task(self._say_later(words))
            else:
                self._say(words)
        except Exception:  # noqa: BLE001  # see the class
            _log.exception("the farewell of a stream failed")

    def take_back(self) -> None:
        """Post nothing any more; the body is cut."""
        self.said = False
        if self.asking is not None:
            self.asking.cancel()
            # Cancelled before its first step the task would never await it: a warning.
            if (
                inspect.iscoroutine(self._awaited)
                and inspect.getcoroutinestate(self._awaited) == inspect.CORO_CREATED
            ):
                self._awaited.close()

    async def _say_later(self, words: Awaitable[Any]) -> None:
        try:
            self._say(await words)
        except Exception:  # noqa: BLE001  # see the class
            _log.exception("the farewell of a stream failed")

    def _say(self, item: Any) -> None:
        if item is not None:
            self._post(item)
            self.said = True
