"""Compiled plans against the general paths: every annotation with every value, then random ones.

`EVENTWIRE_EXAMPLES=20000 pytest tests/test_plan_properties.py` makes it a long run.
"""

import enum
import functools
import math
import os
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    RootModel,
    SerializeAsAny,
    Tag,
    TypeAdapter,
    WrapSerializer,
    WrapValidator,
    create_model,
)

import strategies
from eventwire import Encoder
from oracle import NASTY, Leaf, Number, Text, differences

T = TypeVar("T")
examples = settings(
    max_examples=int(os.environ.get("EVENTWIRE_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Row(list):
    __slots__ = ()

    def __iter__(self):
        raise KeyError("iterated")

    def __len__(self):
        return 10**6


class Table(dict):
    __slots__ = ()

    def items(self):
        return [("\n", 1)]

    __iter__ = keys = items


Colour = enum.Enum("Colour", {"RED": "red"})
Word = enum.StrEnum("Word", {"A": "a"})
Level = enum.IntEnum("Level", {"LOW": 1})
Real = type("Real", (float,), {})


class SubLeaf(Leaf):
    more: str = "subclass"


class Other(BaseModel):
    m: str | None = None


class Needs(BaseModel):
    x: int


class Box(BaseModel, Generic[T]):
    content: T


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str | None = None


def tag(value):
    return "special" if value == "5" or getattr(value, "n", 0) == 5 else "plain"


def failing_tag(value):
    if getattr(value, "n", 0) == 5:
        raise RuntimeError("no tag")
    return "other" if isinstance(value, Other) else "plain"


SHOUT = PlainSerializer(lambda value: "custom")
NAN = math.nan

# Each annotation, and what `describe` says of a field with it; "": not judged.
ANNOTATIONS = [
    (str, ": compiled str"),
    (int, ": compiled int"),
    (float, ": compiled float"),
    (bool, ": compiled bool"),
    (type(None), ": compiled None"),
    (Any, ": compiled by the classes of its values"),
    (str | None, ": compiled str"),
    (Annotated[int, Field(ge=0, le=9)], ": compiled int"),
    (Annotated[int, Field(default=5)], ": compiled int"),
    (Annotated[str, AfterValidator(str.upper)], ": compiled str"),
    (Annotated[str, BeforeValidator(str)], ": compiled str"),
    (Annotated[str, WrapValidator(lambda value, handler: handler(value))], ": compiled str"),
    (Literal["a"], ": compiled literal"),
    (Literal["a", 1, True], ": general path: a literal with other members than str and int"),
    (Literal[Word.A], ": general path: a literal with other members than str and int"),
    (list, "[]: compiled by the classes of its values"),
    (list[int], "[]: compiled int"),
    (list[float | None], "[]: compiled float"),
    (list[Leaf], "[]: compiled model Leaf"),
    (dict, "{}: compiled by the classes of its values"),
    (dict[str, int], "{}: compiled int"),
    (dict[str, int | None], "{}: compiled int"),
    (dict[str, Leaf], "{}: compiled model Leaf"),
    (dict[int, str], ": general path: a dict with keys other than str"),
    (dict[Literal["a"], str], ": general path: a dict with keys other than str"),
    (Leaf, ": compiled model Leaf"),
    (SerializeAsAny[Leaf], ": general path: a custom serializer"),
    (Leaf | None, ": compiled model Leaf"),
    (int | str, "|0: compiled int"),
    (bool | int | float, "|2: compiled float"),
    (float | int, "|1: compiled int"),
    (int | bool, "|1: compiled bool"),
    (Literal["a"] | bool | None, "|1: compiled bool"),
    (Literal["a"] | int, "|1: compiled int"),
    (list[int] | list[str], "|1[]: compiled str"),
    (dict[str, int] | Leaf | str, "|1: compiled model Leaf"),
    (Leaf | SubLeaf, "|1: compiled model SubLeaf"),
    (SubLeaf | Leaf, "|0: compiled model SubLeaf"),
    (Leaf | Other | None, "|1: compiled model Other"),
    (Leaf | Any, "|1: compiled by the classes of its values"),
    (Needs | Other, "|0: compiled model Needs"),
    (Annotated[int | str, Field(union_mode="left_to_right")], "|1: compiled str"),
    (Annotated[Leaf | SubLeaf, Field(union_mode="left_to_right")], "|0: compiled model Leaf"),
    (Annotated[Cat | Dog, Discriminator("kind")], ": compiled discriminated union"),
    (
        Annotated[
            Annotated[Leaf, Tag("plain")] | Annotated[Leaf, SHOUT, Tag("special")],
            Discriminator(tag),
        ],
        "",
    ),
    (
        Annotated[
            Annotated[str, Tag("plain")] | Annotated[str, SHOUT, Tag("special")], Discriminator(tag)
        ],
        "",
    ),
    (
        Annotated[
            Annotated[Leaf, Tag("plain")] | Annotated[Other, Tag("other")],
            Discriminator(failing_tag),
        ],
        "",
    ),
    (
        Annotated[
            Annotated[Leaf, Tag("plain")] | Annotated[Needs, Tag("other")],
            Discriminator(failing_tag),
        ],
        "",
    ),
    (Box, ".content: compiled by the classes of its values"),
    (Box[int], ".content: compiled int"),
    (Annotated[str, SHOUT], ": general path: a custom serializer"),
    (
        Annotated[int, WrapSerializer(lambda value, handler: handler(value))],
        ": general path: a custom serializer",
    ),
    (RootModel[list[int]], ": compiled root model RootModel[list[int]]"),
    (tuple[int, ...], "[]: compiled int"),
    (set[int], "[]: compiled int"),
    (bytes, ": compiled bytes"),
    (Decimal, ": compiled Decimal"),
    (datetime, ": compiled datetime, naive or UTC"),
    (uuid.UUID, ": compiled UUID"),
    (Colour, ": compiled enum Colour"),
]
VALUES = [
    *(None, True, False, 0, 1, -1, 2**63 - 1, 2**63, -(2**70), 0.5, 1.0, 1e16, 1e-7, -0.0),
    *(NAN, math.inf, "", "a", "b", "5", NASTY, "\ud800", b"b", b"\xff", Decimal("1.5"), Colour.RED),
    *(Text("a"), Word.A, Number(1), Level.LOW, Real(0.5), uuid.UUID(int=1), object(), 1j),
    *(
        Row([1, 2]),
        Row(),
        Table(a=1),
        Table(),
        [Row([1])],
        {"a": Table(a=1)},
        {Text("a"): Text("b")},
    ),
    *(10**18, 10**19, -(10**39), 10**4299),
    *([], [1, 2], ["a"], [None, 1.5], [True], [NAN], [{"a": None}], (1, 2), {1}, [Leaf(), 1]),
    *({}, {"a": 1}, {"a": None}, {"a": NAN}, {1: "a"}, {Text("a"): 1}, {"_sa": 1, "b": 2}),
    *({"_sa": object()}, {"_sa": "a"}, {"\ud800": 1}, {"a": {"b": None}}, {"a": Leaf()}),
    *(Leaf(), Leaf(n=5), SubLeaf(), Leaf.model_construct(n="5"), Leaf.model_construct(unknown=1)),
    *(Leaf.__new__(Leaf), Other(), Other(m="m"), Needs(x=1), Needs.model_construct(set(), x=1)),
    *(Box(content=1), Box[int](content=1), Box[Leaf](content=Leaf())),
    *([Leaf(n=2)], [SubLeaf()], Cat(), Dog(), Dog.model_construct(kind="cat"), Cat),
    *(Cat.model_construct(kind=["cat"]), RootModel[list[int]]([1]), SimpleNamespace(n=1)),
    datetime(2026, 1, 2, tzinfo=UTC),
]


def text(annotation):
    return str(getattr(annotation, "__name__", "") or annotation).partition(" at 0x")[0][-60:]


HUGE = [10**4300, -(10**5000), [10**5000]]  # more digits than `repr` writes


def label(annotation):
    return re.sub(
        r"\btyping\.|\btest_plan\w*\.|\boracle\.|\btests\.|<class|>| at 0x\w+", "", str(annotation)
    )[:60]


every_annotation = pytest.mark.parametrize(
    ("annotation", "says"), ANNOTATIONS, ids=[label(annotation) for annotation, _ in ANNOTATIONS]
)


@pytest.mark.newest
@every_annotation
def test_a_field_of_any_type_may_hold_any_value(annotation, says):
    """Well-typed or not, a value of a field is written, warned of or refused as by Pydantic."""
    model = create_model("Holder", f=(annotation, ...), last=(int, 1))
    adapter = TypeAdapter(model)
    found = []
    for value in [*VALUES, *HUGE]:
        found += differences(adapter, model.model_construct(f=value))
    assert found == []


@pytest.mark.newest
@every_annotation
def test_an_item_of_any_type_may_be_any_value(annotation, says):
    """An item of any declared type is validated and written as by Pydantic."""
    adapter = TypeAdapter(annotation)
    found = []
    for value in [*VALUES, *HUGE]:
        found += differences(adapter, value)
    assert found == []


@pytest.mark.newest
@every_annotation
def test_describe_says_what_became_of_each_type(annotation, says):
    """A type is compiled, or the reason is given why not."""
    description = Encoder(create_model("Holder", f=(annotation, ...))).describe()
    assert description.startswith("item: compiled model Holder\n")
    assert f"item.f{says}" in description
    if says:
        assert ("general path" in description) == ("general path" in says)


SCALARS = [
    (str, st.text() | st.sampled_from(["", "a", NASTY])),
    (int, st.integers()),
    (float, st.floats()),
    (bool, st.booleans()),
    (type(None), st.none()),
    (Literal["a", "b"], st.sampled_from("ab")),
    (Word, st.sampled_from(Word)),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (Annotated[str, SHOUT], st.text()),
    (Leaf, st.builds(Leaf) | st.builds(SubLeaf)),
]
odd = st.sampled_from([*VALUES, "\ud800"])
trees = strategies.trees(odd)
models = functools.partial(strategies.models, odd=odd, trees=trees)
typed = strategies.types(st.sampled_from([*SCALARS, (Any, trees)]), models)


@pytest.mark.newest
@examples
@given(st.data())
def test_random_models_are_written_as_by_pydantic(data):
    """Random models up to a few levels deep, their fields well-typed and ill-typed."""
    cls, instances = data.draw(models(typed))
    adapter = TypeAdapter(cls)
    for _ in range(3):
        assert differences(adapter, data.draw(instances)) == []


@pytest.mark.newest
@examples
@given(trees)
def test_random_values_are_written_as_by_each_general_path(value):
    """Random trees of builtin and other values, in every JSON form."""
    assert differences(ANYTHING, value) == []


ANYTHING = TypeAdapter(Any)


@pytest.mark.parametrize("name", ["x", NASTY, "", "_sa_x", "_sb", "ü"])
@pytest.mark.parametrize("kind", ["alias", "serialization_alias", "validation_alias", "generator"])
def test_an_alias_may_be_any_text(name, kind):
    """A key is escaped as Pydantic or `json.dumps` escapes it, and used where they use it."""
    config, keywords = None, {kind: name}
    if kind == "generator":
        generator = AliasGenerator(serialization_alias={"f": name, "g": "g"}.get)
        config, keywords = ConfigDict(alias_generator=generator), {}
    model = create_model(
        "Named", __config__=config, f=(int | None, Field(default=None, **keywords)), g=(int, 1)
    )
    adapter = TypeAdapter(model)
    assert differences(adapter, model()) == []
    assert differences(adapter, model.model_construct(_fields_set={"g"}, f=5)) == []
