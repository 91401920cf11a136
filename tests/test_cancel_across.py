"""Cancellation across yields and from outside, against the plain loop."""

from __future__ import annotations

import asyncio
import sys
import time

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
async def move_on_after_that_expires_in_a_wait(run):
    with anyio.move_on_after(SOON) as moved:
        yield 1
        yield 2
        await run.forever()
    run.note(moved.cancelled_caught)
    yield 3


@scenario
async def fail_after_that_expires_in_a_wait(run):
    try:
        with anyio.fail_after(SOON):
            yield 1
            yield 2
            await run.forever()
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def an_asyncio_timeout_that_expires_in_a_wait(run):
    try:
        async with asyncio.timeout(SOON):
            yield 1
            yield 2
            await run.forever()
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def an_asyncio_timeout_that_is_due_at_the_first_event(run):
    try:
        async with asyncio.timeout(SOON):
            time.sleep(1.25 * SOON)
            yield 1
            yield 2
            await run.forever()
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def an_asyncio_timeout_that_is_due_at_a_later_event(run):
    try:
        async with asyncio.timeout(SOON):
            yield 1
            time.sleep(1.25 * SOON)
            yield 2
            await run.forever()
    except TimeoutError as error:
        run.note(error)
    yield 3


@scenario
async def a_timeout_that_is_left_before_the_next_wait(run):
    try:
        async with asyncio.timeout(SOON):
            time.sleep(1.25 * SOON)
            yield 1
        run.note("left in time")
    except TimeoutError as error:
        run.note(error)
    await asyncio.sleep(0)
    yield 2
    run.note("end")


@scenario
async def move_on_after_that_is_due_at_an_event(run):
    with anyio.move_on_after(SOON) as moved:
        time.sleep(1.25 * SOON)
        yield 1
        time.sleep(SOON / 4)
        yield 2
        await run.forever()
    run.note(moved.cancelled_caught)
    yield 3


@scenario
async def a_scope_that_is_cancelled_before_an_event(run):
    with anyio.CancelScope() as stopped:
        yield 1
        stopped.cancel()
        yield 2
        await run.forever()
    run.note(stopped.cancelled_caught)
    yield 3


@scenario
async def a_scope_that_is_cancelled_before_the_first_event(run):
    with anyio.CancelScope() as stopped:
        stopped.cancel()
        yield 1
        yield 2
        await run.forever()
    run.note(stopped.cancelled_caught)
    yield 3


@scenario
async def a_scope_that_is_cancelled_and_left_without_a_wait(run):
    with anyio.CancelScope() as stopped:
        stopped.cancel()
        yield 1
        yield 2
    run.note(stopped.cancelled_caught)
    await asyncio.sleep(0)
    yield 3


@scenario
async def a_task_that_cancels_itself_before_an_event(run):
    yield 1
    asyncio.current_task().cancel("myself")
    yield 2
    await run.forever()


@scenario
async def a_task_that_cancels_itself_and_catches_it(run):
    task = asyncio.current_task()
    task.cancel("myself")
    yield 1
    yield 2
    try:
        await run.forever()
    except asyncio.CancelledError:
        run.note(task.uncancel())
    await asyncio.sleep(0)
    yield 3


@scenario
async def a_shield_across_yields_in_a_cancelled_scope(run):
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            yield 1
            yield 2
            await asyncio.sleep(0.001)
            run.note("shielded")
        await run.forever()
    run.note(outer.cancelled_caught)
    yield 3


@scenario
async def an_anyio_group_with_a_failing_child(run):
    async def fail():
        await asyncio.sleep(SOON)
        raise LookupError("child")

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield 1
            yield 2
            await run.forever()
    except* LookupError as error:
        run.note(error)
    yield 3


@scenario
async def an_asyncio_group_with_a_failing_child(run):
    async def fail():
        await asyncio.sleep(SOON)
        raise LookupError("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield 1
            yield 2
            await run.forever()
    except* LookupError as error:
        run.note(error)
    yield 3


@scenario
async def an_asyncio_group_whose_child_has_failed_at_an_event(run):
    async def fail():
        raise LookupError("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield 1
            yield 2
            await run.forever()
    except* LookupError as error:
        run.note(error)
    yield 3


@scenario
async def a_group_of_producers(run):
    queue = asyncio.Queue(1)

    async def produce(start):
        for number in range(start, start + 3):
            await queue.put(number)
            await asyncio.sleep(0)

    seen = []
    async with asyncio.TaskGroup() as group:
        group.create_task(produce(1))
        group.create_task(produce(1))
        while len(seen) < 6:
            with anyio.fail_after(5):
                seen.append(await queue.get())
            yield "an item"
    run.note(sorted(seen))


@scenario
async def nested_scopes_of_which_the_outer_expires(run):
    with anyio.move_on_after(SOON) as outer:
        yield 1
        with anyio.move_on_after(5) as inner:
            yield 2
            await run.forever()
        run.note("not reached")
    run.note((outer.cancelled_caught, inner.cancelled_caught))
    yield 3


@scenario
async def a_cleanup_that_awaits_and_yields_in_a_cancelled_scope(run):
    with anyio.move_on_after(SOON):
        yield 1
        yield 2
        try:
            await run.forever()
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0.001)
                run.note("cleaned up")
    yield 3


if sys.version_info >= (3, 13):  # before, a cancellation was delivered though taken back

    @scenario
    async def a_request_that_is_taken_back_between_two_events(run):
        task = asyncio.current_task()
        task.cancel("no")
        yield 1
        run.note(task.uncancel())
        yield 2
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            run.note(error)
        yield 3


@scenario
async def an_exit_of_the_generator_that_is_noted(run):
    try:
        async with asyncio.timeout(SOON):
            yield 1
            yield 2
            await run.forever()
    except BaseException as error:
        run.note(error)
        raise


def loops_and(generators):
    """Each generator on each loop."""

    def decorate(test):
        test = pytest.mark.parametrize("generator", generators.values(), ids=generators)(test)
        return pytest.mark.parametrize("loop", loops.ALL_LOOPS.values(), ids=loops.ALL_LOOPS)(test)

    return decorate


@pytest.fixture(autouse=True)
def owners(monkeypatch):
    """Let a run say whose its `send` is."""
    monkeypatch.setattr(_outbox, "server_send", lambda send: send if send.__self__.native else None)


@loops_and(SCENARIOS)
def test_across_yields_a_cancellation_acts_as_in_the_plain_loop(generator, loop):
    """What the generator sees, the bytes and the end; or it survives where the loop would die."""
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(judged(generator, exact=False)) == {}
