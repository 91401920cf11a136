"""Generator-based coroutines: they hand the event loop the very objects they were given.

``await`` cannot do that: awaiting a future a second time makes a new wait, while a future that
came out of ``coroutine.send(None)`` is already armed for the task that yields it next.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator


@types.coroutine
def _yield(waits_for: object) -> Generator[object, Any, Any]:
    return (yield waits_for)


async def resume(coroutine: Coroutine[Any, Any, None], waits_for: object) -> None:
    """Finish a coroutine that another task started and that now waits for ``waits_for``."""
    while True:
        error: BaseException | None = None
        value: object = None
        try:
            value = await _yield(waits_for)
        except BaseException as thrown:  # noqa: BLE001  # belongs to the coroutine
            error = thrown
        try:
            waits_for = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration:
            return
