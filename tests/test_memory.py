"""Encoding leaks nothing, however long it goes on.

`make test-memory` is the long run: ten million frames.
"""

import contextlib
import gc
import os
import resource

import pytest

import eventwire.fastapi
from eventwire import Encoder, ServerSentEvent
from oracle import Plain, route

ENCODES = int(os.environ.get("EVENTWIRE_ENCODES", "1000000"))


@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_number_of_frames():
    """Frames of every path, and errors, later the process is as large as before."""
    encoders = Encoder(Plain), Encoder(), route()
    plain = Plain(table={"a": [1, 2.5, None]}, maybe="text" * 10)
    wrong = Plain.model_construct(table={"a": object()})

    def item(turn):
        if turn % 8 == 0:
            return eventwire.fastapi.ServerSentEvent(data=plain, event="e")
        if turn % 2:
            return ServerSentEvent(data=plain, id="1")
        return {"row": [1, "two"]} if turn % 4 and turn % 3 else plain

    def size_after(count):
        for turn in range(count):
            encoders[turn % 3].encode(item(turn))
            if turn % 100 == 0:
                with contextlib.suppress(ValueError):
                    encoders[turn // 100 % 3].encode(wrong)
        gc.collect()
        with open("/proc/self/statm") as statm:  # noqa: PTH123  # allocates little
            return int(statm.read().split()[1]) * resource.getpagesize()

    before = size_after(ENCODES // 10)
    # Not more however many there are: two bytes a frame would be 20 MB in the long run.
    assert size_after(ENCODES) - before < 16 * 2**20
