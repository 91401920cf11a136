"""Every form in which an encoder writes a value, for tests that abuse all of them."""

import functools
import threading
from typing import Any

import pytest
from pydantic import PydanticSchemaGenerationError

import eventwire.fastapi
from eventwire import Encoder, ServerSentEvent
from oracle import route

COMPACT, ROUTE = Encoder(), route()


@functools.lru_cache(maxsize=256)
def typed(cls):
    """Return the encoder of a declared type, or of `Any` for what Pydantic has no schema."""
    try:
        return Encoder(cls)
    except PydanticSchemaGenerationError:
        return Encoder(Any)


FORMS = {
    "typed": lambda value: typed(type(value)).encode(value),
    "compact": COMPACT.encode,
    "spaced": ROUTE.encode,
    "event data": lambda value: ROUTE.encode(ServerSentEvent(data=value)),
    "event data, compact": lambda value: COMPACT.encode(ServerSentEvent(data=value)),
    "data of FastAPI's event": lambda value: ROUTE.encode(
        eventwire.fastapi.ServerSentEvent(data=value)
    ),
}
every_form = pytest.mark.parametrize("form", FORMS)


def encode(form, value):
    """Return the frame, or the error if it is an `Exception`; a panic is not."""
    try:
        return FORMS[form](value)
    except Exception as error:
        return error


def still_works(form):
    """Tell whether what happened before has left the encoder as it was."""
    return encode(form, {"a": [1]}) in (b'data: {"a":[1]}\n\n', b'data: {"a": [1]}\n\n')


def in_threads(count, work):
    """Run `work(number)` in that many threads at once, and return what they raised."""
    start, errors = threading.Barrier(count), []

    def run(number):
        start.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
