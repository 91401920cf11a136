"""The plain loop as a judge: `async for item in generator: await send(frame)`, in its own task.

A scenario is an async generator function that is handed its `Run` and notes there what it sees.
`judged` runs it in the plain loop and in our response and says in what they differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi import scope
from eventwire import Encoder, EventSourceResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

SOON = 0.004
"""Seconds until a scenario's own timers fire: before a blocked send is released."""

SENDS = ("free", "checkpoint", "blocked 1", "blocked 2")
"""What `send` does: return at once, let others run, block with the first or the second event."""


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    seen: tuple[tuple[str, int], ...]
    """What the generator noted, each with the task's count of cancellation requests."""
    end: str
    """What the task that runs the stream raised."""
    whole: bool
    body: bytes
    died_in_send: bool = False
    """A cancellation met `send`."""


class Run:
    """One run of a scenario: what it may use, and what is written down."""

    def __init__(self, sends: str, *, native: bool = True) -> None:
        self.sends = sends
        self.native = native
        """Whether the `send` counts as a recognised server's."""
        self.seen: list[tuple[str, int]] = []
        self.sent: list[dict[str, Any]] = []
        self.is_blocked = False
        self.released = asyncio.Event()
        self.died_in_send = False
        self.task: asyncio.Task[Any]
        """The task that runs the stream; not the generator's, if it has one of its own."""
        self._never = asyncio.Event()

    def note(self, what: object) -> None:
        """Write down what the generator sees; an exception with its arguments."""
        if isinstance(what, BaseException):
            what = described(what)
        self.seen.append((str(what), asyncio.current_task().cancelling()))

    def soon(self, call: Callable[..., object], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(SOON, call, *arguments)

    async def forever(self) -> None:
        """Wait; what ends the wait is noted."""
        self.note("waits")
        try:
            await self._never.wait()
        except BaseException as error:
            self.note(error)
            raise

    @property
    def waits(self) -> bool:
        """Whether nothing will happen by itself."""
        return self.is_blocked or any(what == "waits" for what, _ in self.seen)

    async def send(self, message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        if self.sends == "checkpoint":
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.died_in_send = True
                raise
        elif f"data: {self.sends.removeprefix('blocked ')}\n".encode() in body:
            self.is_blocked = True
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self.died_in_send = True
                raise
        if message["type"] == "http.response.body":
            self.sent.append(message)

    async def result(self) -> Result:
        """Wait for the end, releasing a blocked `send` after a while."""
        asyncio.get_running_loop().call_later(4 * SOON, self.released.set)
        done, _ = await asyncio.wait([self.task], timeout=5)
        assert done, f"it has not ended; seen: {self.seen}"
        end = "nothing"
        try:
            await self.task
        except BaseException as error:
            end = described(error)
        return Result(
            tuple(self.seen),
            end,
            bool(self.sent) and not self.sent[-1]["more_body"],
            b"".join(message["body"] for message in self.sent),
            self.died_in_send,
        )


def described(error: BaseException) -> str:
    """Type, arguments and members of an exception, without what anyio says of a scope."""
    # Its address, and who has cancelled it: a task with its name, or nobody.
    return re.sub(
        r"""(["'])Cancelled (?:via|by) cancel scope .*?\1\)""", "of a scope)", repr(error)
    )


@contextlib.asynccontextmanager
async def closing(generator: AsyncGenerator[Any, None]) -> AsyncIterator[None]:
    """`contextlib.aclosing` of a Python with gh-135736: a group's `GeneratorExit` is no error."""
    try:
        yield
    finally:
        try:
            await generator.aclose()
        except* GeneratorExit:
            pass


async def plain(run: Run, generator: AsyncGenerator[Any, None]) -> None:
    encoder = Encoder()
    async with closing(generator):
        await run.send({"type": "http.response.start"})
        async for item in generator:
            message = {"body": encoder.encode(item), "more_body": True}
            await run.send({"type": "http.response.body", **message})
    await run.send({"type": "http.response.body", "body": b"", "more_body": False})


async def never_left() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def ours(run: Run, generator: AsyncGenerator[Any, None], *, coalesce: bool) -> None:
    response = EventSourceResponse(generator, coalesce=coalesce)
    await response(scope(), never_left, run.send)


async def in_plain_loop(scenario: Any, sends: str, act: Any = None) -> Result:
    run = Run(sends)
    run.task = asyncio.create_task(plain(run, scenario(run)))
    if act is not None:
        await act(run)
    return await run.result()


async def in_ours(
    scenario: Any, sends: str, act: Any = None, *, native: bool, coalesce: bool
) -> Result:
    run = Run(sends, native=native)
    run.task = asyncio.create_task(ours(run, scenario(run), coalesce=coalesce))
    if act is not None:
        await act(run)
    return await run.result()


async def judged(
    scenario: Any, act: Any = None, *, exact: bool = True
) -> dict[str, tuple[Result, ...]]:
    """Return the runs that differ from the plain loop's, and what was expected of them.

    The one difference that is allowed: where a cancellation meets the plain loop in `send`, ours
    may be further and meet it where the generator waits, as if `send` were free.

    `exact`: the counts of cancellation requests must be equal, too. Where a request can arrive
    between two items it is counted from there on; an anyio scope makes one in each turn of the
    loop until it is left.
    """
    faults = {}
    free = await in_plain_loop(scenario, "free", act)
    for sends in SENDS:
        same = await in_plain_loop(scenario, sends, act)
        allowed = [same, free] if same.died_in_send else [same]
        for native, coalesce in itertools.product((True, False), repeat=2):
            got = await in_ours(scenario, sends, act, native=native, coalesce=coalesce)
            if not any(_matches(got, expected, exact=exact) for expected in allowed):
                whose = "a server's" if native else "a stranger's"
                how = "coalesced" if coalesce else "one by one"
                faults[f"{sends}, {whose}, {how}"] = (got, *allowed)
    return faults


def _matches(got: Result, expected: Result, *, exact: bool) -> bool:
    if got.died_in_send:  # a stream that ends by a cancellation cancels its send, and is cut there
        sent = expected.body.startswith(got.body) and not got.whole
    else:
        sent = got.body == expected.body
    saw = got.seen == expected.seen or (
        not exact
        and len(got.seen) == len(expected.seen)
        and all(map(_same_but_counted_earlier, got.seen, expected.seen))
    )
    return saw and sent and (got.end, got.whole) == (expected.end, expected.whole)


def _same_but_counted_earlier(got: tuple[str, int], expected: tuple[str, int]) -> bool:
    (what, requests), (same, fewer) = got, expected
    may_be_more = fewer > 0 or what == "waits"
    return what == same and (requests >= fewer if may_be_more else requests == fewer)
