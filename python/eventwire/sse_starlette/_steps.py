"""The plain way of a stream: the private steps that subclasses of sse-starlette's response know.

Each is a task of its own in one group, each event a send. Streams take it when somebody overrides a
step, on trio, and for the denial of a WebSocket.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import Response

from eventwire._outbox import SendTimeoutError
from eventwire._plain import in_asyncio_task
from eventwire._shutdown import opened
from eventwire.sse_starlette._source import Closing
from eventwire.sse_starlette._status import Watch, unwatch, watch
from eventwire.sse_starlette.event import ensure_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine

    from starlette.types import Message, Receive, Send


class Steps(Response):
    """What ``EventSourceResponse`` inherits."""

    active: bool
    body_iterator: AsyncIterable[Any]
    client_close_handler_callable: Callable[[Message], Awaitable[None]] | None
    data_sender_callable: Callable[[], Coroutine[None, None, None]] | None
    send_timeout: float | None
    sep: str
    _cleanup_timeout: float | None
    _ping_interval: float
    _shutdown_event: anyio.Event | None
    _shutdown_grace_period: float

    def _start(self) -> Message:
        return {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }

    def _ping_frame(self) -> bytes:
        raise NotImplementedError

    @functools.cached_property
    def _send_lock(self) -> anyio.Lock:
        return anyio.Lock()

    async def _run_steps(self, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as steps:

            async def until_end(step: Callable[[], Awaitable[None]]) -> None:
                await step()
                steps.cancel_scope.cancel()

            steps.start_soon(until_end, lambda: self._stream_response(send))
            if self._ping_interval > 0:
                steps.start_soon(until_end, lambda: self._ping(send))
            steps.start_soon(until_end, self._listen_for_exit_signal_with_grace)
            if self.data_sender_callable is not None:
                steps.start_soon(self.data_sender_callable)
            steps.start_soon(until_end, lambda: self._listen_for_disconnect(receive))

    async def _stream_response(self, send: Send) -> None:
        await send(self._start())
        async for item in self.body_iterator:
            try:
                frame = ensure_bytes(item, self.sep)
                await self._send_with_timeout(send, body(frame))
            except BaseException:
                await Closing((self.body_iterator,), self._cleanup_timeout).aclose()
                raise
        async with self._send_lock:
            self.active = False
            await send(body(b"", more=False))

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        with anyio.move_on_after(self.send_timeout) as patience:
            await send(message)
        if patience.cancel_called:
            raise SendTimeoutError(f"the client took nothing for {self.send_timeout} s")

    async def _ping(self, send: Send) -> None:
        while self.active:
            await anyio.sleep(self._ping_interval)
            frame = self._ping_frame()
            async with self._send_lock:
                if self.active:
                    await self._send_with_timeout(send, body(frame))

    async def _listen_for_disconnect(self, receive: Receive) -> None:
        while self.active:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.active = False
                if self.client_close_handler_callable is not None:
                    await self.client_close_handler_callable(message)

    @staticmethod
    async def _listen_for_exit_signal() -> None:
        told = anyio.Event()
        if not in_asyncio_task():
            # No server that runs trio is watched; the flag is set in its own thread.
            watch(told.set, None)
            try:
                await told.wait()
            finally:
                unwatch(told.set)
            return
        watched = Watch(_Told(told))
        streams = opened(watched, _nobodys)
        try:
            with watched:
                await told.wait()
        finally:
            streams.discard(watched)

    async def _listen_for_exit_signal_with_grace(self) -> None:
        await self._listen_for_exit_signal()
        if self._shutdown_event is not None:
            self._shutdown_event.set()
        if self._shutdown_grace_period > 0:
            # Its end is the end of the response, which cancels this.
            await anyio.sleep(self._shutdown_grace_period)


class _Told:
    """What the plain way registers in place of a stream."""

    def __init__(self, told: anyio.Event) -> None:
        self._told = told
        self._loop = asyncio.get_running_loop()

    def drain(self, grace_period: float = 0.0) -> float:
        self._told.set()
        return self._loop.time() + grace_period


async def _nobodys(_: Message) -> None:
    """A ``send`` that says nothing about its server."""


def body(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
