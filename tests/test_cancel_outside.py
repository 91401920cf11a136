"""Cancellation from outside: of the request's task, of the generator's, of a scope around them.

For the generator the cancellation of a request is one `CancelledError`, as if the plain loop's task
were cancelled. An anyio scope around a request would cancel each of its waits; the generator's task
is beyond it, so that the cleanup may wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import anyio
import pytest
import uvloop

import loops
from asgi import Wire, scope, start, until
from eventwire import EventSourceResponse, _outbox
from plain_loop import SENDS, SOON, Run, in_ours, judged, never_left

LOOPS = pytest.mark.parametrize("loop", loops.ALL_LOOPS.values(), ids=loops.ALL_LOOPS)


@pytest.fixture(autouse=True)
def owners(monkeypatch):
    """Let a run say whose its `send` is."""

    def server_send(send):
        return send if getattr(send.__self__, "native", True) else None

    monkeypatch.setattr(_outbox, "server_send", server_send)


async def waits(run):
    try:
        yield 1
        yield 2
        await run.forever()
    except BaseException as error:
        run.note(error)
        raise


async def waits_before_the_first_event(run):
    try:
        await run.forever()
    finally:
        run.note("closed")
    yield 1
    yield 2


async def waits_in_scopes(run):
    try:
        with anyio.fail_after(5):
            yield 1
            async with asyncio.timeout(5):
                yield 2
                await run.forever()
    except BaseException as error:
        run.note(error)
        raise


async def waits_in_a_group(run):
    async def child():
        try:
            await asyncio.sleep(5)
        finally:
            run.note("child")

    async with asyncio.TaskGroup() as group:
        group.create_task(child())
        await asyncio.sleep(0)
        yield 1
        yield 2
        await run.forever()


async def waits_for_another_task(run):
    async def work():
        try:
            await run.forever()
        finally:
            run.note("work")

    yield 1
    yield 2
    await asyncio.create_task(work())


async def cleans_up(run):
    try:
        yield 1
        yield 2
        await run.forever()
    finally:
        await asyncio.sleep(0.002)
        run.note("cleaned up")


async def fails_in_its_cleanup(run):
    try:
        yield 1
        yield 2
        await run.forever()
    finally:
        await asyncio.sleep(0)
        raise LookupError("cleanup")


async def is_shielded(run):
    try:
        yield 1
        yield 2
        with anyio.CancelScope(shield=True):
            run.note("waits")
            await asyncio.sleep(5)
    except BaseException as error:
        run.note(error)
        raise


GENERATORS = {
    generator.__name__: generator
    for generator in (
        waits,
        waits_before_the_first_event,
        waits_in_scopes,
        waits_in_a_group,
        waits_for_another_task,
        cleans_up,
        fails_in_its_cleanup,
        is_shielded,
    )
}


async def cancel(run):
    await until(lambda: run.waits)
    run.task.cancel("stop")


async def cancel_twice(run):
    await cancel(run)
    await asyncio.sleep(0)
    run.task.cancel("again")


async def cancel_before_it_starts(run):
    run.task.cancel("stop")


@LOOPS
@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
def test_a_cancelled_request_is_a_cancelled_plain_loop_to_its_generator(generator, loop):
    """What the generator sees, with the message; what was sent; what is raised."""
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(judged(generator, cancel)) == {}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_that_is_cancelled_before_it_starts_enters_nothing(loop):
    """The generator is not started, and nothing is sent; an eager task would start at once."""
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(judged(waits, cancel_before_it_starts)) == {}


@LOOPS
@pytest.mark.parametrize("generator", [waits, waits_in_a_group, waits_for_another_task])
def test_a_second_cancellation_of_the_request_changes_nothing(generator, loop):
    """While it waits for the cleanup it may be cancelled again; the generator is told once."""

    async def main():
        for sends in SENDS:
            once = await in_ours(generator, sends, cancel, native=True, coalesce=True)
            twice = await in_ours(generator, sends, cancel_twice, native=True, coalesce=True)
            assert (twice.seen, twice.body, twice.whole) == (once.seen, once.body, once.whole)
            assert twice.end in {once.end, "CancelledError('again')"}

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
def test_a_cancelled_generator_task_is_a_cancelled_plain_loop(loop):
    """Whoever has hold of the task in which the generator runs may cancel it."""

    async def shows_its_task(run):
        run.inner = asyncio.current_task()
        try:
            yield 1
            yield 2
            await run.forever()
        except BaseException as error:
            run.note(error)
            raise

    async def cancel_inner(run):
        await until(lambda: run.waits)
        run.inner.cancel("inner")

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(judged(shows_its_task, cancel_inner, exact=False)) == {}


async def swallows(run):
    try:
        while True:
            try:
                yield 1
                await run.forever()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                run.note("goes on")
    finally:
        run.note("closed")


@LOOPS
def test_a_generator_that_swallows_the_cancellation_of_its_request_is_closed_at_its_next_yield(
    loop,
):
    """It may finish its step; the request still ends with the cancellation."""

    async def main():
        for native in (True, False):
            result = await in_ours(swallows, "free", cancel, native=native, coalesce=True)
            assert [what for what, _ in result.seen] == [
                "waits",
                "CancelledError('stop')",
                "goes on",
                "closed",
            ]
            assert (result.end, result.body) == ("CancelledError('stop')", b"data: 1\n\n")
            assert not result.whole

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
@pytest.mark.parametrize("fate", ["leave", "cancel"])
def test_a_generator_that_once_swallowed_a_cancellation_is_still_told_of_the_end(fate, loop):
    """Its task counts as cancelled for ever; its cleanup runs within 250 ms all the same."""

    async def main():
        wire, seen = Wire(), []

        async def generator():
            asyncio.current_task().cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                seen.append("closed")

        task = start(EventSourceResponse(generator()), wire)
        await until(lambda: wire.body)
        wire.leave() if fate == "leave" else task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 0.25)
        assert seen == ["closed"]

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


async def enclosed(enclose, sends, native):
    """Run the response inside of `enclose` (an async context manager); return the run."""
    run = Run(sends, native=native)

    async def request():
        async with enclose(run):
            response = EventSourceResponse(cleans_up(run))
            await response(scope(), never_left, run.send)
        assert asyncio.current_task().cancelling() == 0

    run.task = asyncio.create_task(request())
    return run, await run.result()


@contextlib.asynccontextmanager
async def asyncio_timeout(run):
    try:
        async with asyncio.timeout(4 * SOON / 3):
            yield
    except TimeoutError:
        run.outcome = "timeout"


@contextlib.asynccontextmanager
async def anyio_timeout(run):
    with anyio.move_on_after(4 * SOON / 3) as moved:
        yield
    assert moved.cancelled_caught
    run.outcome = "timeout"


@contextlib.asynccontextmanager
async def nested_timeouts(run):
    with anyio.move_on_after(5):
        async with asyncio_timeout(run):
            with anyio.CancelScope():
                yield


@contextlib.asynccontextmanager
async def asyncio_group(run):
    async def fail():
        await until(lambda: run.waits)
        raise LookupError("sibling")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield
    except* LookupError:
        run.outcome = "sibling"


@contextlib.asynccontextmanager
async def anyio_group(run):
    async def fail():
        await until(lambda: run.waits)
        raise LookupError("sibling")

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield
    except* LookupError:
        run.outcome = "sibling"


@LOOPS
@pytest.mark.parametrize(
    "enclose", [asyncio_timeout, anyio_timeout, nested_timeouts, asyncio_group, anyio_group]
)
def test_what_encloses_the_request_ends_it_after_the_cleanup(enclose, loop):
    """The generator's cleanup may wait, the body is cut, no cancellation request is left over."""

    async def main():
        if enclose is anyio_group and asyncio.get_running_loop().get_task_factory() is not None:
            pytest.skip("anyio's groups do not support eager tasks")
        for sends, native in itertools.product(SENDS, (True, False)):
            run, result = await enclosed(enclose, sends, native)
            assert result.end == "nothing", (sends, native)
            assert run.outcome == ("sibling" if "group" in enclose.__name__ else "timeout")
            assert not result.whole
            if result.seen:
                assert result.seen[-1][0] == "cleaned up"
            assert b"data: 1\n\ndata: 2\n\n".startswith(result.body)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
def test_a_loop_that_stops_closes_every_generator(loop, caplog):
    """`asyncio.run` cancels all tasks, the request's and the generator's, in any order."""
    closed = []

    async def generator(run):
        try:
            yield 1
            yield 2
            await run.forever()
        finally:
            await asyncio.sleep(0)
            closed.append(run)

    async def main():
        runs = []
        for sends, native in itertools.product(SENDS, (True, False)):
            run = Run(sends, native=native)
            response = EventSourceResponse(generator(run))
            run.task = asyncio.create_task(response(scope(), never_left, run.send))
            runs.append(run)
        for run in runs:
            await until(lambda run=run: run.waits)
        return runs

    with asyncio.Runner(loop_factory=loop) as runner:
        runs = runner.run(main())
    assert {id(run) for run in closed} == {id(run) for run in runs}
    assert len(closed) == len(runs)
    assert all(run.task.cancelled() for run in runs)
    assert not caplog.records
