"""The drive loop against its naive twin: `async for item in source: frame(item)`."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire import Encoder
from eventwire._core import Driver, Outcome

STEPS = st.lists(
    st.one_of(
        st.integers(),
        st.text(max_size=5),
        st.sampled_from(["<sleep>", "<raise>", "<bad item>", "<swallow>"]),
    ),
    max_size=12,
)


async def scripted(steps):
    for step in steps:
        if step == "<sleep>":
            await asyncio.sleep(0)
        elif step == "<raise>":
            raise LookupError("scripted")
        elif step == "<bad item>":
            yield object()
        elif step == "<swallow>":
            try:
                await asyncio.wait_for(asyncio.Event().wait(), 0)
            except TimeoutError:
                yield "timeout"
        else:
            yield step


async def naive(source):
    """The twin: one frame after the other, until something is raised."""
    frames, encoder = [], Encoder()
    try:
        async for item in source:
            frames.append(encoder.encode(item))  # noqa: PERF401  # kept when it raises
    except Exception as error:
        return b"".join(frames), type(error)
    return b"".join(frames), None


class Drive:
    """The smallest pump: awaits what the driver hands out."""

    def __init__(self, driver):
        self.driver = driver

    def __await__(self):
        outcome = self.driver.advance(None, False)
        while outcome is not Outcome.END:
            if outcome is Outcome.BUDGET:
                outcome = self.driver.advance(None, False)
                continue
            try:
                value = yield outcome
            except BaseException as error:
                outcome = self.driver.throw(error, False)
            else:
                outcome = self.driver.advance(value, False)


async def driven(source):
    driver = Driver(source, Encoder())
    try:
        await Drive(driver)
    except Exception as error:
        return driver.take() or b"", type(error)
    return driver.take() or b"", None


@given(STEPS)
def test_it_gives_what_its_naive_twin_gives(steps):
    """The same bytes, and the same exception after the same events."""
    expected = asyncio.run(naive(scripted(steps)))
    assert asyncio.run(driven(scripted(steps))) == expected


def source_of(*items):
    async def generator():
        for item in items:
            yield item

    return generator()


def test_the_first_item_is_a_budget_of_its_own():
    """The caller can send it at once."""
    driver = Driver(source_of(1, 2, 3), Encoder())
    assert driver.advance(None, False) is Outcome.BUDGET
    assert driver.take() == b"data: 1\n\n"
    assert driver.advance(None, False) is Outcome.END
    assert driver.take() == b"data: 2\n\ndata: 3\n\n"
    assert driver.take() is None


def test_hold_stops_after_one_item():
    """Backpressure: the caller decides when the next one is asked for."""
    driver = Driver(source_of(1, 2, 3), Encoder())
    for number in (1, 2, 3):
        assert driver.advance(None, True) is Outcome.BUDGET
        assert driver.take() == f"data: {number}\n\n".encode()
    assert driver.advance(None, True) is Outcome.END


def test_frames_before_an_error_stay_and_nothing_of_the_bad_item_does():
    """An encoding error truncates to the last whole frame."""
    driver = Driver(source_of(1, 2, object()), Encoder())
    assert driver.advance(None, False) is Outcome.BUDGET
    with pytest.raises(ValueError, match="serialize"):
        driver.advance(None, False)
    assert driver.take() == b"data: 1\n\ndata: 2\n\n"


def test_an_object_that_cannot_be_awaited_is_a_type_error():
    """The message is in the words of `async for`."""

    class Wrong:
        def __anext__(self):
            return 5

    with pytest.raises(TypeError, match="cannot be awaited"):
        Driver(Wrong(), Encoder()).advance(None, False)


def test_a_throw_into_an_awaitable_without_throw_ends_the_step():
    """PEP 380: the exception is raised where the wait was."""

    class Wait:
        def __await__(self):
            return iter([None, None])

    class Source:
        def __anext__(self):
            return Wait()

    driver = Driver(Source(), Encoder())
    assert driver.advance(None, False) is None
    with pytest.raises(LookupError):
        driver.throw(LookupError(), False)


def test_a_cycle_through_the_driver_is_collected():
    """`__traverse__` and `__clear__` see what it holds."""

    class Source:
        def __anext__(self):
            raise StopAsyncIteration

    source = Source()
    source.driver = Driver(source, Encoder())
    alive = weakref.ref(source)
    del source
    gc.collect()
    assert alive() is None
