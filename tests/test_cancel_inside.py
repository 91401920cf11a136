"""Cancellation inside a step of the generator: what it sees is what the plain loop shows it."""

from __future__ import annotations

import asyncio
import contextlib

import anyio
import pytest

import loops
from eventwire import _outbox
from plain_loop import SOON, judged

SCENARIOS = {}


def scenario(generator):
    SCENARIOS[generator.__name__] = generator
    return generator


@scenario
async def move_on_after(run):
    yield 1
    yield 2
    with anyio.move_on_after(SOON) as moved:
        await run.forever()
    run.note(moved.cancelled_caught)
    yield 3


@scenario
async def fail_after_that_is_caught(run):
    yield 1
    yield 2
    try:
        with anyio.fail_after(SOON):
            await run.forever()
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def fail_after_that_is_not_caught(run):
    yield 1
    yield 2
    with anyio.fail_after(SOON):
        await run.forever()


@scenario
async def a_scope_cancelled_from_elsewhere(run):
    yield 1
    yield 2
    with anyio.CancelScope() as stopped:
        run.soon(stopped.cancel)
        await run.forever()
    run.note(stopped.cancelled_caught)
    yield 3
    await asyncio.sleep(0)
    yield 4


@scenario
async def an_asyncio_timeout(run):
    yield 1
    yield 2
    try:
        async with asyncio.timeout(SOON):
            await run.forever()
    except TimeoutError as error:
        run.note(error)
        run.note(repr(error.__cause__))
    yield 3


@scenario
async def an_asyncio_timeout_that_is_not_caught(run):
    yield 1
    yield 2
    async with asyncio.timeout(SOON):
        await run.forever()


@scenario
async def wait_for(run):
    yield 1
    yield 2
    for number in (3, 4):
        try:
            await asyncio.wait_for(run.forever(), SOON)
        except TimeoutError as error:
            run.note(error)
        yield number


@scenario
async def a_timeout_that_is_rescheduled(run):
    yield 1
    yield 2
    try:
        async with asyncio.timeout(None) as timeout:
            await asyncio.sleep(0)
            timeout.reschedule(asyncio.get_running_loop().time() + SOON)
            await run.forever()
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def nested_timeouts_of_which_the_outer_expires(run):
    yield 1
    yield 2
    try:
        async with asyncio.timeout(SOON):
            try:
                async with asyncio.timeout(5):
                    await run.forever()
            except TimeoutError as error:
                run.note(error)
            finally:
                run.note("inner")
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def nested_scopes_of_which_the_outer_expires(run):
    yield 1
    yield 2
    with anyio.move_on_after(SOON) as outer:
        with anyio.move_on_after(5) as inner:
            await run.forever()
        run.note("not reached")
    run.note((outer.cancelled_caught, inner.cancelled_caught))
    yield 3


@scenario
async def a_timeout_around_a_scope(run):
    yield 1
    yield 2
    try:
        async with asyncio.timeout(SOON):
            with anyio.CancelScope() as inner:
                await run.forever()
    except TimeoutError as error:
        run.note(error)
    run.note(inner.cancelled_caught)
    yield 3


@scenario
async def a_cleanup_that_awaits_in_a_cancelled_scope(run):
    yield 1
    yield 2
    with anyio.move_on_after(SOON):
        try:
            await run.forever()
        finally:
            for _ in range(2):
                try:
                    await asyncio.sleep(0.001)
                except asyncio.CancelledError as error:
                    run.note(error)
    run.note("after")
    yield 3


@scenario
async def a_shielded_part_of_a_cancelled_scope(run):
    yield 1
    yield 2
    with anyio.move_on_after(SOON) as outer:
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(2 * SOON)
                run.note("shielded")
            await run.forever()
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0.001)
                run.note("cleaned up")
    run.note(outer.cancelled_caught)
    yield 3


@scenario
async def a_shielded_task(run):
    yield 1
    yield 2
    work = asyncio.create_task(asyncio.sleep(3 * SOON, "done"))
    try:
        async with asyncio.timeout(SOON):
            await asyncio.shield(work)
    except TimeoutError as error:
        run.note(error)
    run.note(await work)
    yield 3


@scenario
async def an_anyio_group_with_a_failing_child(run):
    async def fail():
        await asyncio.sleep(SOON)
        raise LookupError("child")

    yield 1
    yield 2
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            await run.forever()
    except* LookupError as error:
        run.note(error)
    yield 3


@scenario
async def an_asyncio_group_with_a_failing_child(run):
    async def fail():
        await asyncio.sleep(SOON)
        raise LookupError("child")

    yield 1
    yield 2
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await run.forever()
    except* LookupError as error:
        run.note(error)
    yield 3


@scenario
async def a_group_whose_failure_is_not_caught(run):
    async def fail():
        await asyncio.sleep(SOON)
        raise LookupError("child")

    yield 1
    yield 2
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        await run.forever()


@scenario
async def a_group_that_is_cancelled(run):
    yield 1
    yield 2
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 5)
        run.soon(group.cancel_scope.cancel)
        await run.forever()
    run.note("after")
    yield 3


@scenario
async def a_cancellation_that_is_taken_back(run):
    yield 1
    yield 2
    task = asyncio.current_task()
    run.soon(task.cancel, "stop")
    try:
        await run.forever()
    except asyncio.CancelledError:
        run.note(task.uncancel())
    await asyncio.sleep(0)
    run.note("goes on")
    yield 3


@scenario
async def a_cancellation_that_is_swallowed(run):
    yield 1
    yield 2
    run.soon(asyncio.current_task().cancel, "stop")
    with contextlib.suppress(asyncio.CancelledError):
        await run.forever()
    await asyncio.sleep(0)
    yield 3
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
    yield 4
    run.note("still cancelling")


@scenario
async def a_cancellation_that_is_not_caught(run):
    yield 1
    yield 2
    run.soon(asyncio.current_task().cancel, "stop")
    await run.forever()


@scenario
async def two_cancellations_at_once(run):
    def cancel():
        task.cancel("one")
        task.cancel("two")

    yield 1
    yield 2
    task = asyncio.current_task()
    run.soon(cancel)
    try:
        await run.forever()
    except asyncio.CancelledError as error:
        run.note(error)
    await asyncio.sleep(0)
    run.note(task.uncancel())
    yield 3
    await asyncio.sleep(0)
    run.note(task.uncancel())
    yield 4


@scenario
async def a_cancellation_turned_into_an_error(run):
    yield 1
    yield 2
    run.soon(asyncio.current_task().cancel)
    try:
        await run.forever()
    except asyncio.CancelledError as error:
        raise LookupError("instead") from error


@scenario
async def a_task_that_somebody_cancels(run):
    yield 1
    yield 2
    work = asyncio.create_task(asyncio.sleep(5))
    run.soon(work.cancel, "not you")
    try:
        await work
    except asyncio.CancelledError as error:
        run.note(error)
    yield 3


@scenario
async def a_cancelled_error_of_its_own(run):
    yield 1
    yield 2
    await asyncio.sleep(0)
    raise asyncio.CancelledError("mine")


@scenario
async def a_cancellation_before_the_first_event(run):
    with anyio.move_on_after(SOON):
        await run.forever()
    yield 1
    yield 2
    run.note("second")


@scenario
async def a_wait_for_a_task_that_is_cancelled_with_it(run):
    async def work():
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError as error:
            run.note(error)
            raise

    yield 1
    yield 2
    run.soon(asyncio.current_task().cancel, "both")
    await asyncio.create_task(work())


@pytest.mark.parametrize("loop", loops.ALL_LOOPS.values(), ids=loops.ALL_LOOPS)
@pytest.mark.parametrize("generator", SCENARIOS.values(), ids=SCENARIOS)
def test_inside_a_step_a_cancellation_acts_as_in_the_plain_loop(generator, loop, monkeypatch):
    """What the generator sees, the bytes and the end: free, suspending and blocked sends."""
    monkeypatch.setattr(_outbox, "server_send", lambda send: send if send.__self__.native else None)
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(judged(generator)) == {}
