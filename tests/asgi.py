"""An ASGI server of our own, in-process: every message, in the order it was sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def scope(spec_version: str = "2.3", **more: Any) -> dict[str, Any]:
    """Return the scope of a GET request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "server": ("test", 80),
        "client": ("test", 1),
        "scheme": "http",
        **more,
    }


class Wire:
    """`receive` and `send` of one request.

    `block()` makes the next sends wait until `unblock()`; `leave()` disconnects the client;
    `fail(error)` makes the next send raise. `on_send` is called with every message first.
    """

    def __init__(self, *, spec_version: str = "2.3") -> None:
        self.messages: list[dict[str, Any]] = []
        self.scope = scope(spec_version)
        self.on_send: Callable[[dict[str, Any]], Awaitable[None]] | None = None
        self.in_flight = 0
        self._left = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._error: BaseException | None = None
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        assert self.in_flight == 0, "two sends at once"
        self.in_flight += 1
        try:
            if self.on_send is not None:
                await self.on_send(message)
            await self._free.wait()
            if self._error is not None:
                raise self._error
            self.messages.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._left.set()  # as servers do after the final message
        finally:
            self.in_flight -= 1

    def block(self) -> None:
        self._free.clear()

    def unblock(self) -> None:
        self._free.set()

    def leave(self) -> None:
        self._left.set()

    def fail(self, error: BaseException) -> None:
        self._error = error

    @property
    def bodies(self) -> list[bytes]:
        return [m["body"] for m in self.messages if m["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        return b"".join(self.bodies)

    @property
    def ended(self) -> bool:
        return bool(self.messages) and self.messages[-1].get("more_body") is False


async def until(condition: Callable[[], object], what: str = "a condition") -> None:
    """Let the loop run until `condition` holds; at most 2 s."""
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0.001)
    assert condition(), what


def start(response: Any, wire: Wire) -> asyncio.Task[None]:
    """Send a response in a task of its own."""
    return asyncio.create_task(response(wire.scope, wire.receive, wire.send))


async def items_of(iterable: Any) -> Any:
    """Yield the items of a sync iterable, without any await."""
    for item in iterable:
        yield item


def run(main: Callable[[], Any]) -> Any:
    """Run an async function in a new loop."""
    return asyncio.run(main())
