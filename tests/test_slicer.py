"""One slice of a sync iterator in a worker thread, called by hand."""

from __future__ import annotations

import itertools

from eventwire import Encoder
from eventwire._core import Outcome, Slicer


def test_it_wakes_once_until_the_frames_are_taken():
    """A consumer that is busy is left alone."""
    wakes = []
    slicer = Slicer(range(3), Encoder())
    assert slicer.run(lambda: wakes.append(1)) is Outcome.END
    assert wakes == [1]
    assert slicer.take() == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert slicer.take() is None


def test_it_wakes_again_once_the_consumer_has_found_nothing():
    """Finding nothing means being idle."""
    wakes = []

    def generator():
        yield 1
        assert slicer.take() == b"data: 1\n\n"
        yield 2  # not idle yet: it has found something
        assert slicer.take() == b"data: 2\n\n"
        assert slicer.take() is None
        yield 3

    slicer = Slicer(generator(), Encoder())
    slicer.run(lambda: wakes.append(slicer))
    assert len(wakes) == 2


def test_a_slice_ends_when_the_buffer_is_full():
    """64 KiB, and at most one item more."""
    slicer = Slicer(itertools.repeat("x" * 1000), Encoder())
    assert slicer.run(lambda: None) is Outcome.BUDGET
    assert len(slicer.take()) < 64 * 1024 + 1100


def test_stop_ends_a_slice_and_prevents_the_next():
    """The step under way is the last one."""

    def generator():
        yield 1
        slicer.stop()
        yield 2
        yield 3

    slicer = Slicer(generator(), Encoder())
    assert slicer.run(lambda: None) is Outcome.BUDGET
    assert slicer.take() == b"data: 1\n\ndata: 2\n\n"
    assert slicer.run(lambda: None) is Outcome.BUDGET
    assert slicer.take() is None


def test_close_closes_what_can_be_closed():
    """A generator that has started, one that has not, and a list."""
    closed = []

    def generator():
        try:
            yield 1
            yield 2
        finally:
            closed.append(1)

    started = generator()
    next(started)
    Slicer(started, Encoder()).close()
    assert closed == [1]
    Slicer(generator(), Encoder()).close()
    Slicer([1], Encoder()).close()
    assert closed == [1]
