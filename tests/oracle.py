"""The general paths, called beside the encoder: what it is to write for any value, in every form.

Pydantic's validator and serializer, `pydantic_core.to_json`, and FastAPI's `jsonable_encoder`.
"""

import functools
import itertools
import json
import math
import re
import warnings
from typing import Any

import pydantic_core
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel

from eventwire import Encoder, ServerSentEvent

NASTY = ' "\\/\b\f\n\r\t\x00\x1f\x7f\x85 ü€🎈\u2028\u2029'
NAMES = ("by_alias", "exclude_none", "exclude_unset")
OPTIONS = [
    dict(zip(NAMES, flags, strict=True)) for flags in itertools.product((True, False), repeat=3)
]


def route(adapter=None, **options):
    """Return the encoder of a FastAPI route."""
    return Encoder._for_route(adapter=adapter, dump_options=options)


def frame(text):
    """Return JSON as the one data line of a frame."""
    return b"data: " + (text.encode() if isinstance(text, str) else text) + b"\n\n"


def described(text):
    """Return a text without addresses, which differ from object to object."""
    return re.sub(r"\b0x[0-9a-f]{6,}", "0x", text)


def text_of(error):
    """Return an error's text, or what became of it: it shows values that need not be showable."""
    try:
        return described(str(error))
    except Exception as failure:
        return type(failure)


def outcome(function):
    """Return the result or the error, and the warnings, of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function()
        except RecursionError as error:  # its text says where it struck
            result = type(error)
        except Exception as error:
            result = (type(error), text_of(error))
        except BaseException as error:  # a panic in pydantic-core: a deliberate difference
            if type(error).__name__ != "PanicException":
                raise
            result = (RuntimeError, f"encoding an item failed: {error}")
    if isinstance(result, bytes) and b" 0x" in result:  # the text of an object
        result = described(result.decode()).encode()
    return result, [(each.category, described(str(each.message))) for each in caught]


def finite(value):
    """Replace non-finite floats by None in what `jsonable_encoder` gives; keys are left alone."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(member) for key, member in value.items()}
    if isinstance(value, list):
        return [finite(member) for member in value]
    return value


def spaced(value):
    """Return the frame of an untyped item as FastAPI writes it."""
    return frame(json.dumps(finite(jsonable_encoder(value))))


def of_event(value):
    """Return the frame of an event with this data as FastAPI writes it."""
    if hasattr(value, "model_dump_json"):
        return frame(value.model_dump_json())
    return spaced(value)


def compact(value):
    """Return the frame of an untyped item outside of FastAPI."""
    return frame(pydantic_core.to_json(value, by_alias=True, inf_nan_mode="null"))


def of(encoder):
    """Return what encodes a value as the data of an event."""
    return lambda value: encoder.encode(ServerSentEvent(data=value))


ROUTE, ROOT = route(), Encoder()
# Each form in which a value without a declared type can be sent: ours, and the judge's.
FORMS = {
    "an item of a route": (ROUTE.encode, spaced),
    "an event of a route": (of(ROUTE), of_event),
    "an item": (ROOT.encode, compact),
    "an event": (of(ROOT), compact),
}


def forms(adapter, value):
    """Yield, for every JSON form of a value, its name, the encoder's call and the oracle's."""

    def typed(**options):
        taken = adapter.validator.validate_python(value, from_attributes=True)
        return frame(adapter.serializer.to_json(taken, **options))

    for chosen in OPTIONS:
        yield str(chosen), route(adapter, **chosen).encode, functools.partial(typed, **chosen)

    for form, (ours, theirs) in FORMS.items():
        if value is not None or "event" not in form:  # None as the data of an event means none
            yield form, ours, functools.partial(theirs, value)


def differences(adapter, value):
    """Return each form in which the encoder and the oracle differ, the plan new and cached."""
    found = []
    for form, encode, oracle in forms(adapter, value):
        ours = [outcome(lambda encode=encode: encode(value)) for _ in range(2)]
        theirs = outcome(oracle)
        found += [(form, value, each, theirs) for each in ours if each != theirs]
    return found


def untyped_differences(make, names=FORMS):
    """Return each form of a value without a declared type in which ours and the judge's differ.

    The value is made anew for each use, and ours written twice: with a plan that is new, and kept.
    """
    found = []
    for form in names:
        ours, theirs = FORMS[form]
        if "event" in form and make() is None:  # None as the data of an event means none
            continue
        expected = outcome(lambda theirs=theirs: theirs(make()))
        for turn in ("first", "again"):
            given = outcome(lambda ours=ours: ours(make()))
            if given != expected:
                found.append((form, turn, given, expected))
    return found


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "a lie"


class Number(int):
    pass


class Leaf(BaseModel):
    n: int = 1


class Plain(BaseModel):
    text: str = "t"
    number: int = 1
    ratio: float = 0.5
    maybe: str | None = None
    leaf: Leaf = Leaf()
    leaves: list[Leaf] = []
    table: dict[str, Any] = {}


class Tree(BaseModel):
    name: str = "tree"
    children: "list[Tree]" = []
    back: "Ring | None" = None


class Ring(BaseModel):
    tree: Tree | None = None
