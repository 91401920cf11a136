"""Instances of models and dataclasses of every kind, each made anew for each use."""

import collections
import contextlib
import datetime as dt
import functools
import math
from decimal import Decimal
from typing import Any

from pydantic import RootModel

from corpus_classes import (
    DAY,
    ID,
    WHEN,
    Color,
    Items,
    Level,
    Lie,
    Named,
)
from corpus_models import (
    CONFIGURED,
    Aliased,
    Anything,
    Around,
    Base,
    Blue,
    Box,
    Cat,
    Checked,
    Choosing,
    Computed,
    Custom,
    DataDict,
    DataEnum,
    DataModel,
    DataText,
    Dated,
    Derived,
    Dog,
    Duck,
    ForJSON,
    Hiding,
    Iterated,
    Kinds,
    More,
    Open,
    Pet,
    Point,
    Private,
    Slots,
    Typed,
    Whole,
)
from corpus_values import VALUES
from oracle import NASTY, Leaf, Plain, Ring, Tree


def without(instance, *names):
    for name in names:
        with contextlib.suppress(AttributeError):
            object.__delattr__(instance, name)
    return instance


def holding(instance, **attributes):
    for name, value in attributes.items():
        object.__setattr__(instance, name, value)
    return instance


def chain(levels):
    """Return a tree whose branches have one branch each."""
    tree = Tree()
    for _ in range(levels):
        tree = Tree.model_construct(name="t", children=[tree], back=None)
    return tree


DATACLASSES = {
    "plain": Point,
    "nested": lambda: Point(Point(1), 1e16, [Point(x={"a": Point()})]),
    "slots": lambda: Slots(inner=Slots()),
    "a subclass": lambda: More(z={1, 2}),
    "a model inside": lambda: Point(Leaf(n=2)),
    "a model inside a dict": lambda: {"a": Point({"b": [Leaf(), Tree()]})},
    "a dict inside": lambda: Point({Point: 1, "_sa": 2, DAY: 3, (1, 2): 4}),
    "a text-keyed dict inside": lambda: Point(collections.OrderedDict(a=Leaf(), b=DAY)),
    "a default dict inside": lambda: Point(collections.defaultdict(list, a=[1])),
    "a counter inside": lambda: Point(collections.Counter("aab")),
    "a namedtuple inside": lambda: Point(Named(Point(2), {1})),
    "a set inside": lambda: Point({1}, names={"a"}),
    "a tuple inside": lambda: Point((1, (Point(2),))),
    "a generator inside": lambda: Point(each for each in [1]),
    "a range inside": lambda: Point(range(2)),
    "a class inside": lambda: Point(Leaf),
    "a function inside": lambda: Point(len),
    "an enum inside": lambda: Point([Color.RED, Color.DATE, Level.LOW]),
    "own items inside": lambda: Point(Items(a=1)),
    "times inside": lambda: Point([WHEN, DAY, Decimal("1.5"), ID]),
    "a dict": lambda: DataDict(5),
    "a filled dict": lambda: (data := DataDict(5)).update(y=DAY) or data,
    "a text": DataText,
    "a model": lambda: DataModel.model_construct(x=2),
    "an enum": lambda: DataEnum.A,
    "an iterable": Iterated,
    "an iterable inside": lambda: Point(Iterated()),
    "its class": lambda: Point,
    "checked": Checked,
    "checked inside": lambda: Point([Checked(n=5)]),
    "a deleted attribute": lambda: without(Point(), "x"),
    "an added attribute": lambda: holding(Point(), added=1),
    "checked, a deleted attribute": lambda: without(Checked(), "n", "leaf"),
    "checked, an added attribute": lambda: holding(Checked(), added=1, n="wrong"),
    "keeps a loop": lambda: (point := Point()) and holding(point, x=[point]),
}


ODD_RESULTS = [
    *(
        "text",
        None,
        1.5,
        math.nan,
        2**70,
        b"\xff",
        DAY,
        Color.PAIR,
        {1: 2},
        {"_sa": 1},
        {None: {2}},
    ),
    *(Leaf(), [Leaf()], Point(), object(), Leaf, "\ud800", Lie("a"), (1, (2,)), Derived()),
]
MODELS = {
    **{f"a configured model, {name}": cls for name, cls in CONFIGURED.items()},
    **{
        f"{cls.__name__} gives {number}": functools.partial(cls, gives=result)
        for cls in (Custom, Whole, Around)
        for number, result in enumerate(ODD_RESULTS)
    },
    "every kind": Kinds,
    "plain": Plain,
    "aliases": lambda: Aliased(x=Aliased()),
    "a serializer that is due": lambda: Custom(sometimes=5),
    "computed": Computed,
    "computed and filled": lambda: Computed(n=6),
    "extras": lambda: Open(a=1, _sa=2, b=WHEN, c=Leaf(), d={1: {2}}, e=math.nan, f=b"\xff"),
    "an alias as extra": lambda: Open(**{NASTY: [Leaf()], "model": Derived()}),
    "dated extras": lambda: Dated(a="2026-01-02T03:04:05Z"),
    "private": Private,
    "a cached property": lambda: (private := Private()) and private.cached and private,
    "choices": Choosing,
    "other choices": lambda: Choosing(
        pet=Dog(kind="wolf"),
        version={"v": 2},
        tinted=Blue(),
        called=Cat(),
        scalars=DAY,
        pets=[Cat(), Dog()],
    ),
    "root of a list": lambda: RootModel[list[int]]([1]),
    "root of models": lambda: RootModel[list[Derived]]([Derived()]),
    "root of a model": lambda: RootModel[Base](Derived()),
    "root of a date": lambda: RootModel[dt.date](DAY),
    "root of a choice": lambda: RootModel[Pet](Dog()),
    "root of roots": lambda: RootModel[dict[str, RootModel[set[int]]]]({"a": {1}}),
    "root of anything": lambda: RootModel[Any]({DAY: Leaf()}),
    "generic": lambda: Box[dt.date](content=DAY, more=[DAY]),
    "generic of models": lambda: Box[Base](content=Derived(), more=[Base()]),
    "generic, open": lambda: Box(content=Leaf(), more=[Derived(), WHEN]),
    "hiding": lambda: Hiding(last=3),
    "serialized for JSON only": lambda: ForJSON(gives=DAY),
    "many levels": lambda: chain(60),
    "too many levels": lambda: chain(300),
    "recursive": lambda: Tree(children=[Tree(name="b"), Tree(back=Ring(tree=Tree()))]),
    "a subclass in a field": lambda: Duck(many=[Derived(), Base()], maybe=Derived()),
    "anything": lambda: Anything(f=Leaf(), table={"a": Derived()}, row=[Point()], thing=DAY),
    "subclasses of dict": lambda: Anything(f=Items(a=1), table=collections.OrderedDict(a=Leaf())),
    "a typed dict": lambda: Box[Typed](content={"a": 1, "when": DAY}),
    "a namedtuple": lambda: Anything(f=Named(Leaf(), {1}), row=[Named(1)]),
    "a loop": lambda: (tree := Tree()).children.append(tree) or tree,
    "a nested generator": lambda: Anything(f=(Leaf(n=n) for n in range(2))),
}


def first(instance):
    return next(iter(type(instance).model_fields), "none")


def _wrong(value):
    return lambda instance: instance.__dict__.update(dict.fromkeys(instance.__dict__, value))


SPOILERS = {
    "as it is": lambda _: None,
    "wrong: a date": _wrong(DAY),
    "wrong: a text": _wrong("2026"),
    "wrong: a number": _wrong(7),
    "wrong: None": _wrong(None),
    "wrong: a model": _wrong(Derived()),
    "wrong: an object": _wrong(object()),
    "wrong: containers": _wrong({"a": [(1, {2})]}),
    "an attribute less": lambda instance: instance.__dict__.pop(first(instance), None),
    "an attribute more": lambda instance: instance.__dict__.update(more=WHEN),
    "no attributes": lambda instance: instance.__dict__.clear(),
    "the other way round": lambda instance: holding(
        instance, __dict__=dict(reversed(instance.__dict__.items()))
    ),
    "extras": lambda instance: holding(instance, __pydantic_extra__={"x": DAY, "_sa": 1}),
    "no private attributes": lambda instance: holding(instance, __pydantic_private__=None),
    "nothing set": lambda instance: holding(instance, __pydantic_fields_set__=set()),
    "not initialized": lambda instance: without(
        instance, "__pydantic_fields_set__", "__pydantic_extra__"
    ),
}


def spoilt(make, spoiler):
    """Return an instance to which something was done behind Pydantic's back."""
    instance = make()
    SPOILERS[spoiler](instance)
    return instance


def bare(cls):
    """Return an instance that was never initialized."""
    return cls.__new__(cls)


EVERYTHING = {
    **VALUES,
    **{f"dataclass, {name}": make for name, make in DATACLASSES.items()},
    **{f"model, {name}": make for name, make in MODELS.items()},
}
