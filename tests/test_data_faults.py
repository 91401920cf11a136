"""Payloads with faults, in every form: the bytes or the error of the general path, and no crash."""

import enum
import json
import math
from typing import Any

import pytest
from pydantic import TypeAdapter, create_model

from forms import encode, every_form, still_works
from oracle import Plain, Tree, differences

Open = create_model("Open", __config__={"extra": "allow"}, number=(int, 1))


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "a lie"

    __repr__ = __str__
    __format__ = None

    def encode(self, *_):
        return b"a lie"


class Number(int):
    def __str__(self):
        return '"a lie"'

    __repr__ = __str__

    def __int__(self):
        return 666

    __index__ = __int__


class Ratio(float):
    def __repr__(self):
        return "a lie"

    __str__ = __repr__

    def __float__(self):
        return 666.0


class Table(dict):
    def items(self):
        return [("a", "lie")]

    def __iter__(self):
        return iter(["lie"])

    keys = __iter__

    def __len__(self):
        return 10**6

    def __getitem__(self, _):
        return "lie"


class Row(list):
    def __iter__(self):
        return iter(["a lie"])

    def __len__(self):
        return 10**6

    def __getitem__(self, _):
        return "a lie"


def raising(base):
    """Return a subclass whose every way to look at it raises."""

    def fail(self, *_):
        raise LookupError("looked at")

    names = ("__str__", "__repr__", "__iter__", "__len__", "__getitem__", "items", "keys")
    return type(f"Raising{base.__name__}", (base,), dict.fromkeys(names, fail))


class Level(enum.IntEnum):
    LOW = 1


FAULTS = {
    "a lone surrogate": "a\ud800b",
    "a pair of surrogates": "\ud83c\udf88",
    "a key with a surrogate": {"\udfff": 1},
    "NUL": "a\0b",
    "a key with NUL": {"\0": 1},
    "64 bits and one": 2**63,
    "128 bits": -(2**128),
    "4,300 digits": 10**4300 - 1,
    "4,301 digits": 10**4300,
    "4,301 digits, negative": -(10**4300),
    "not a number": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "minus zero": -0.0,
    "a key that is not a number": {math.nan: 1},
    "a key of 4,301 digits": {10**4300: 1},
    "keys of several types": {1: 2, None: 3, False: 4, 1.5: 5, (1, 2): 6, b"x": 7},
    "a lying str": Text("true"),
    "a lying key": {Text("true"): 1},
    "a lying int": Number(5),
    "a lying float": Ratio(0.5),
    "a lying dict": Table(true=1),
    "a lying list": Row([1, 2]),
    "an enum": Level.LOW,
    "a raising str": raising(str)("text"),
    "a raising int": raising(int)(5),
    "a raising dict": raising(dict)(a=1),
    "a raising list": raising(list)([1]),
    "a type": dict,
    "an object": object(),
    "bytes that are not UTF-8": b"\xff",
}
PLACES = {
    "itself": lambda value: value,
    "in a list": lambda value: [1, value],
    "in a tuple": lambda value: (value, 1),
    "in a dict": lambda value: {"a": 1, "b": [value]},
    "in a field of any type": lambda value: Plain.model_construct(table={"a": value}),
    "in fields of other types": lambda value: Plain.model_construct(
        text=value, number=value, ratio=value, maybe=value, leaf=value, leaves=value, table=value
    ),
    "in an extra": lambda value: Open.model_construct(extra=value),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_written_or_refused_as_by_the_general_path(fault, place):
    """Whatever Pydantic and FastAPI make of it, wherever it stands, is what the encoder does."""
    value = PLACES[place](FAULTS[fault])
    assert differences(TypeAdapter(Any), value) == []


@every_form
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_gives_one_line_of_json_or_an_error(fault, place, form):
    """In every form: no other exception than an `Exception`, and no frame that is not whole."""
    result = encode(form, PLACES[place](FAULTS[fault]))
    if not isinstance(result, Exception):
        assert result.count(b"\n") == 2
        assert result.startswith(b"data: ")
        assert result.endswith(b"\n\n")
        json.loads(result.removeprefix(b"data: "), parse_int=str)
    assert still_works(form)


@every_form
@pytest.mark.parametrize("kind", ["list", "dict", "tuple", "model", "extra", "any"])
def test_a_loop_of_references_is_an_error(form, kind):
    """Whatever contains itself raises what the general path raises."""
    row: list[Any] = []
    tree, plain, extended = Tree(), Plain(), Open()
    loops = {"list": row, "dict": {"row": row}, "tuple": (row,)}
    loops |= {"model": tree, "extra": extended, "any": plain}
    row.append(loops[kind])
    tree.children.append(tree)
    plain.table["row"] = row
    extended.loop = extended
    assert isinstance(encode(form, loops[kind]), ValueError | RecursionError)
    assert still_works(form)


@every_form
@pytest.mark.parametrize("levels", [30, 60, 70, 250, 260, 100_000])
@pytest.mark.parametrize("kind", ["list", "dict", "tuple", "model"])
def test_any_number_of_levels_gives_a_frame_or_an_error(form, levels, kind):
    """Nesting as deep as the fast path goes, as Pydantic goes, and as memory goes."""
    make = {
        "list": lambda inner: [inner],
        "dict": lambda inner: {"a": inner},
        "tuple": lambda inner: (inner,),
        "model": lambda inner: Tree.model_construct(children=[inner], back=None, name="n"),
    }[kind]
    deep: Any = make(Tree())
    for _ in range(levels):
        deep = make(deep)
    result = encode(form, deep)
    assert isinstance(result, bytes if levels <= 60 else bytes | ValueError | RecursionError)
    assert still_works(form)
