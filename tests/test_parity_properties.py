"""Random types of every kind, random values of them, in every form and with random options.

`pytest --hypothesis-profile=slow tests/test_parity_properties.py` makes it a long run.
"""

import dataclasses
import datetime as dt
import functools
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    Discriminator,
    PlainSerializer,
    RootModel,
    SerializeAsAny,
    Tag,
    WrapSerializer,
    computed_field,
    field_serializer,
    model_serializer,
)
from typing_extensions import TypedDict

import strategies
from corpus_classes import Color, Items, Level, Named, Word
from corpus_instances import EVERYTHING, MODELS, SPOILERS, spoilt
from corpus_models import Anything, Box, Open, Point
from corpus_types import TYPES, Once
from corpus_values import KEYS
from oracle import untyped_differences
from oracle_typed import DEFAULT, NAMES, Judge
from strategies import sampled

pytestmark = pytest.mark.newest

zones = st.none() | st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(dt.timezone)
decimals = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals()
# Types whose values are drawn, each with what makes a key of a dict, or a member of a set, of it.
HASHABLE = [
    (str, st.text()),
    (int, st.integers()),
    (float, st.floats()),
    (bool, st.booleans()),
    (bytes, st.binary(max_size=5) | st.text(max_size=5).map(str.encode)),
    (dt.datetime, st.datetimes(timezones=zones)),
    (dt.date, st.dates()),
    (dt.time, st.times(timezones=zones)),
    (dt.timedelta, st.timedeltas()),
    (uuid.UUID, st.uuids()),
    (Decimal, decimals.filter(lambda number: not number.is_snan())),
    (Color, st.sampled_from([Color.RED, Color.DATE, Color.NAN])),
    (Level, st.sampled_from(Level)),
    (Word, st.sampled_from(Word)),
    (Literal["a", 1, Color.RED], st.sampled_from(["a", 1, Color.RED])),
]
LISTED = [
    (annotation, sampled(values))
    for name, (annotation, values) in TYPES.items()
    if "set later" not in name and not any(isinstance(value, Once) for value in values)
]


def reusable(make):
    """Whether a value is not used up, does not exhaust a stack, and can be shown."""
    value = make()
    try:
        return len(repr(value)) < 5000 and not isinstance(value, Iterator)
    except (ValueError, AttributeError, RecursionError):
        return False


LEAVES = [
    make
    for name, make in EVERYTHING.items()
    if "loop" not in name and "levels" not in name and "generator" not in name and reusable(make)
]
odd = sampled(LEAVES).map(lambda make: make())
whole = [make for name, make in MODELS.items() if "generator" not in name and "levels" not in name]
spoilt_models = st.builds(spoilt, sampled(whole), st.sampled_from([*SPOILERS]))
trees = strategies.trees(odd)


def tag(value):
    """Tell members of a tagged union by what they are."""
    return "model" if isinstance(value, BaseModel) else "other"


def wrapped(pair):
    """Return what may be made of one pair without another."""
    annotation, values = pair
    data = dataclasses.make_dataclass("Data", [("x", annotation), ("y", int, 1)])
    frozen = dataclasses.make_dataclass("Cold", [("x", annotation)], frozen=True, slots=True)

    class Row(NamedTuple):
        a: annotation
        b: int

    class Table(TypedDict, total=False):
        a: annotation
        b: int

    root, box = RootModel[annotation], Box[annotation]
    return sampled(
        [
            (annotation | None, st.none() | values),
            (tuple[annotation, ...], st.lists(values, max_size=3).map(tuple)),
            (tuple[annotation, int], st.tuples(values, st.integers())),
            (deque[annotation], st.lists(values, max_size=3).map(deque)),
            (OrderedDict[str, annotation], st.builds(OrderedDict, st.builds(dict, a=values))),
            (data, st.builds(data, values)),
            (frozen, st.builds(frozen, values)),
            (Row, st.builds(Row, values, st.integers())),
            (Table, st.builds(dict, a=values) | st.builds(dict, b=values)),
            (root, st.builds(root.model_construct, values)),
            (box, st.builds(box.model_construct, content=values, more=st.just([]))),
            (SerializeAsAny[annotation], values),
            (Annotated[annotation, WrapSerializer(lambda value, h: [h(value)])], values),
            (Annotated[annotation, PlainSerializer(repr, when_used="json-unless-none")], values),
        ]
    )


def keyed(key, pair):
    """Return a dict's type by the types of its keys and members."""
    (key, keys), (member, members) = key, pair
    return dict[key, member], st.dictionaries(keys, members, max_size=3)


def tagged(model, other):
    """Return a union that a function decides."""
    annotation = Annotated[model[0], Tag("model")] | Annotated[other[0], Tag("other")]
    return Annotated[annotation, Discriminator(tag)], model[1] | other[1]


def sets(pair):
    annotation, values = pair
    members = st.sets(values, max_size=3)
    return sampled([(set[annotation], members), (frozenset[annotation], members.map(frozenset))])


def around(pairs):
    """Return the kinds of types that hold others, beside the ones of `strategies`."""
    return (
        pairs.flatmap(wrapped)
        | st.builds(keyed, sampled(HASHABLE), pairs)
        | sampled(HASHABLE).flatmap(sets)
        | st.builds(tagged, models(pairs), pairs)
    )


CONFIGS = [
    {},
    {},
    {},
    {"ser_json_bytes": "base64"},
    {"ser_json_timedelta": "float"},
    {"ser_json_inf_nan": "constants"},
    {"ser_json_inf_nan": "strings"},
    {"ser_json_temporal": "milliseconds"},
    {"use_enum_values": True, "frozen": True},
    {"serialize_by_alias": True},
    {"revalidate_instances": "always"},
    {"from_attributes": True, "defer_build": True},
]
DECORATIONS = [
    {},
    {},
    {},
    {"_f": field_serializer("f0", check_fields=False)(lambda self, value: [value])},
    {
        "_w": field_serializer("f1", mode="wrap", check_fields=False)(
            lambda self, value, handler: handler(value)
        )
    },
    {"_m": model_serializer(mode="wrap")(lambda self, handler: {"m": 1, **handler(self)})},
    {"twice": computed_field(return_type=dt.date)(property(lambda self: dt.date(2026, 1, 2)))},
    {
        "other": computed_field(alias="_sa", return_type=Any, repr=False)(
            property(lambda self: self.f0)
        )
    },
]
models = functools.partial(
    strategies.models,
    odd=odd,
    trees=trees,
    configs=sampled(CONFIGS),
    decorations=sampled(DECORATIONS),
)
leaves = sampled([*HASHABLE, *HASHABLE, *LISTED, (Any, trees)])
pairs = strategies.types(leaves, models, around)

names = st.sampled_from(["f0", "f1", "f2", "n", "when", "a", "x", 0, 1, "__all__"])
chosen = st.recursive(
    st.sets(names.filter(lambda name: name != "__all__"), max_size=3),
    lambda inner: st.dictionaries(names, inner | st.just(True), max_size=3),
    max_leaves=3,
)
options = st.builds(
    lambda flags, choices: {**DEFAULT, **flags, **choices},
    st.fixed_dictionaries({name: st.booleans() for name in NAMES}),
    st.just({})
    | st.just({})
    | st.fixed_dictionaries({}, optional=dict.fromkeys(["include", "exclude"], chosen)),
)


def holding(value):
    """Return containers that are not plain, or hold what is not."""
    return [
        value,
        {"chunk": value, "more": [(value, Point(value))]},
        Anything(f=value, thing=Items(a=value)),
        Open(extra=[value, Named(value)]),
        RootModel[Any](deque([value])),
    ]


@strategies.patient
@given(st.data())
def test_random_types_are_written_as_ever_with_random_options(data):
    """Random types up to a few levels deep, with values that fit and values that do not."""
    annotation, values = data.draw(pairs)
    judge = Judge(annotation)
    for _ in range(3):
        value = data.draw(st.one_of(values, values, values, trees))
        table = data.draw(st.lists(options, min_size=1, max_size=3))
        assert judge.differences(lambda: value, [DEFAULT, *table]) == []  # noqa: B023


@strategies.patient
@given(st.data())
def test_random_models_are_written_as_ever_with_random_options(data):
    """Random models, with serializers, computed fields and settings, well-typed and ill-typed."""
    cls, instances = data.draw(models(pairs))
    judge = Judge(cls)
    for _ in range(3):
        instance = data.draw(instances)
        table = data.draw(st.lists(options, min_size=1, max_size=3))
        assert judge.differences(lambda: instance, [DEFAULT, *table]) == []  # noqa: B023


@strategies.patient
@given(st.data())
def test_random_models_need_no_declared_type(data):
    """Random models, alone and in containers, as untyped items and as the data of events."""
    _, instances = data.draw(models(pairs))
    for _ in range(2):
        instance = data.draw(instances)
        for value in holding(instance):
            assert untyped_differences(lambda: value) == []  # noqa: B023


mixed = strategies.trees(odd | spoilt_models | sampled(HASHABLE).flatmap(lambda pair: pair[1]))


@strategies.patient
@given(mixed)
def test_random_trees_are_written_as_ever(tree):
    """Random containers of values of every kind, of spoilt instances among them."""
    for value in holding(tree):
        assert untyped_differences(lambda: value) == []  # noqa: B023


@strategies.patient
@given(st.dictionaries(sampled(KEYS) | strategies.keys, odd, max_size=5))
def test_random_keys_are_written_as_ever(table):
    """Random dicts by keys of every kind: some equal as text, some left out, some refused."""
    for value in holding(table):
        assert untyped_differences(lambda: value) == []  # noqa: B023
