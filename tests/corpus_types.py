"""Types of every kind that a stream may declare, each with values that fit, more or less."""

import collections
import dataclasses
import datetime as dt
import ipaddress
import math
import pathlib
import re
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping, Sequence
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    TypeVar,
)

import pydantic
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    PlainSerializer,
    RootModel,
    SerializeAsAny,
    Tag,
    WrapSerializer,
    WrapValidator,
)
from typing_extensions import TypeAliasType, TypedDict

from corpus_classes import (
    DAY,
    ID,
    NOON,
    UTC,
    WHEN,
    Bits,
    Color,
    Level,
    Lie,
    Mixed,
    Share,
    Stamp,
    Untyped,
    Ways,
    Word,
)
from corpus_instances import chain
from corpus_models import (
    CONFIGURED,
    Aliased,
    Anything,
    Around,
    Base,
    Blue,
    Box,
    Called,
    Cat,
    Checked,
    Choosing,
    Computed,
    Custom,
    Dated,
    Derived,
    Dog,
    Duck,
    First,
    ForJSON,
    Formatted,
    Hiding,
    Inner,
    Kinds,
    More,
    Nested,
    Open,
    Pet,
    Point,
    Private,
    Red,
    Second,
    Slots,
    Textual,
    Tinted,
    Version,
    Whole,
)
from oracle import NASTY, Leaf, Plain, Ring, Tree

T = TypeVar("T")
BERLIN = dt.timezone(dt.timedelta(hours=1))


class Once:
    """Holds a value that is used up: `fresh` makes it anew."""

    def __init__(self, make):
        self.make = make


def fresh(value):
    return value.make() if isinstance(value, Once) else value


class Row(NamedTuple):
    a: int
    when: dt.date = DAY
    leaf: Leaf = Leaf()


class Movie(TypedDict, total=False):
    title: str
    year: Annotated[int, Field(serialization_alias="released")]
    shown: dt.date


class Loose(Movie):
    __pydantic_config__ = ConfigDict(extra="allow", ser_json_timedelta="float")  # type: ignore[misc]
    movie: Movie
    took: dt.timedelta


@dataclasses.dataclass
class Data:
    n: int
    when: dt.datetime = WHEN
    leaf: Leaf = dataclasses.field(default_factory=Leaf)
    row: list[dt.date] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Later(Data):
    late: str = dataclasses.field(default="late", init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Cold:
    data: Data | None = None
    cost: Decimal = Decimal("1.5")


@dataclasses.dataclass
class DataBox(Generic[T]):
    content: T


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="allow", populate_by_name=True))
class Wide:
    n: Annotated[int, Field(alias="enn")] = 1
    hidden: Annotated[int, Field(exclude=True)] = 2
    color: Color = Color.RED


class Anyone:
    """A class Pydantic knows nothing of."""

    def __repr__(self):
        return "Anyone()"


Alias = TypeAliasType("Alias", "int | list[Alias]")
Trees = TypeAliasType("Trees", dict[str, "Trees | dt.date"])
ANYONE = Annotated[Any, pydantic.InstanceOf[Anyone]]


def shout(value, info):
    return f"{value}! {info.mode} {info.exclude_none}"


def first_of(value, handler):
    return handler(value[0] if isinstance(value, list) else value)


SCALARS = {
    "str": (str, ["", NASTY, Lie("lie"), "2026-01-02"]),
    "int": (int, [1, 2**63, 10**40, -(2**70)]),
    "float": (float, [0.5, 1e16, 1e-7, math.nan, -math.inf, 3]),
    "bool": (bool, [True, False]),
    "None": (type(None), [None]),
    "bytes": (bytes, [b"", b"text", b"\xff\x00", bytearray(b"a")]),
    "complex": (complex, [1j, 1.5 + 0j, complex(math.nan, -0.0)]),
    "datetime": (
        dt.datetime,
        [
            *(
                WHEN,
                WHEN.replace(tzinfo=None),
                WHEN.astimezone(BERLIN),
                WHEN.replace(microsecond=0),
            ),
            *(WHEN.replace(microsecond=120_000), Stamp(2026, 1, 2, tzinfo=UTC)),
            *(WHEN.astimezone(dt.timezone(dt.timedelta(seconds=1))), dt.datetime.min),  # noqa: DTZ901
        ],
    ),
    "date": (dt.date, [DAY, dt.date.min, WHEN, "2026-01-02"]),
    "time": (
        dt.time,
        [NOON, NOON.replace(tzinfo=UTC), NOON.replace(microsecond=10, tzinfo=BERLIN)],
    ),
    "timedelta": (
        dt.timedelta,
        [dt.timedelta(n, m) for n, m in ((0, 0), (1, 1.5), (-1, 5e-6), (400, 3661), (-400, -1))],
    ),
    "UUID": (uuid.UUID, [ID, uuid.UUID(int=0), str(ID)]),
    "Decimal": (Decimal, [Decimal(text) for text in ("1.50", "-0", "1E+3", "1E-30", "0.1")]),
    "any Decimal": (
        Annotated[Decimal, Field(allow_inf_nan=True)],
        [Decimal("NaN"), Decimal("-Infinity"), Decimal("1E+400")],
    ),
    "Path": (pathlib.Path, [pathlib.Path("/a b"), "x"]),
    "PurePosixPath": (pathlib.PurePosixPath, [pathlib.PurePosixPath("/ü")]),
    "SecretStr": (pydantic.SecretStr, [pydantic.SecretStr("hush"), "", "text"]),
    "SecretBytes": (pydantic.SecretBytes, [pydantic.SecretBytes(b"hush")]),
    "Secret": (pydantic.Secret[dt.date], [pydantic.Secret[dt.date](DAY)]),
    "AnyUrl": (pydantic.AnyUrl, ["http://exämple.org/ä?a=b#c", pydantic.AnyUrl("a://b")]),
    "HttpUrl": (pydantic.HttpUrl, ["http://a.b"]),
    "PostgresDsn": (pydantic.PostgresDsn, ["postgres://u:p@a:1,b:2/db"]),
    "IPv4Address": (ipaddress.IPv4Address, ["127.0.0.1", ipaddress.IPv4Address(1)]),
    "IPv6Network": (ipaddress.IPv6Network, ["2001:db8::/32"]),
    "Pattern": (re.Pattern, [re.compile("a.b"), "a", re.compile(b"a")]),
    "Pattern[bytes]": (re.Pattern[bytes], [re.compile(b"a")]),
    "Color": (Color, list(Color)),
    "Level": (Level, [*Level, 1]),
    "Word": (Word, [*Word, "a"]),
    "Mixed": (Mixed, [*Mixed]),
    "Share": (Share, [*Share]),
    "Ways": (Ways, [Ways.UP, Ways(3), 1]),
    "Bits": (Bits, [Bits.ONE, Bits(3)]),
    "Any": (
        Any,
        [1, DAY, Leaf(), [Derived()], {"a": Point(1)}, {1: WHEN}, Color.RED, Untyped(1, 2)],
    ),
    "object": (object, [1, DAY, Leaf(), {"a": [Derived()]}]),
    "Hashable": (Hashable, [1, DAY, (1, DAY)]),
    "Callable": (Callable, [len, Leaf]),
    "Callable[..., int]": (Callable[..., int], [len]),
    "type": (type, [int, Leaf]),
    "type[int]": (type[int], [int, bool]),
    "ByteSize": (pydantic.ByteSize, [1024, "1 KiB"]),
    "Base64Bytes": (pydantic.Base64Bytes, [b"aGk="]),
    "AwareDatetime": (pydantic.AwareDatetime, [WHEN]),
    "constrained": (Annotated[str, Field(min_length=1, pattern="a")], ["a", "abc"]),
    "strict": (pydantic.StrictInt, [1]),
    "finite": (pydantic.FiniteFloat, [1.5]),
    "any instance": (pydantic.InstanceOf[Leaf], [Leaf(n=2), Plain]),
    "unchecked": (pydantic.SkipValidation[dt.date], [DAY, "text", None]),
    "an instance": (ANYONE, [Anyone()]),
    "a class with a text": (Textual, [Textual(), "a"]),
    "a class with a format": (Formatted, [1.005, Formatted(2)]),
    "list of classes with texts": (list[Textual | Formatted], [[Textual(), 1.5]]),
    "dict by classes with texts": (dict[Textual, Formatted], [{Textual(): 1.5}]),
    "Json": (Json, ["[1, 2]", '{"a": null}']),
    "Json[list[date]]": (Json[list[dt.date]], ['["2026-01-02"]']),
    "Literal of str": (Literal["a", NASTY], ["a", NASTY]),
    "Literal of int": (Literal[1, 2, -(2**63)], [1, 2]),
    "Literal of bool": (Literal[True], [True, 1]),
    "Literal of bytes": (Literal[b"a", "b"], [b"a", "b"]),
    "Literal of enums": (Literal[Color.RED, Color.DATE, Level.LOW], [Color.RED, Level.LOW, 1]),
    "Literal, mixed": (Literal["1", 1, True, Word.A] | None, ["1", 1, True, Word.A, "a", None]),
}
COLLECTIONS = {
    "list": (list, [[], [1, DAY, Leaf()], (1,)]),
    "list[date]": (list[dt.date], [[], [DAY, "2026-01-02"]]),
    "list of lists": (list[list[Leaf | None]], [[[Leaf(), None], []]]),
    "tuple": (tuple, [(), (1, DAY), [Leaf()]]),
    "tuple[int, date]": (tuple[int, dt.date], [(1, DAY), ["1", DAY]]),
    "tuple[date, ...]": (tuple[dt.date, ...], [(), (DAY, DAY)]),
    "tuple[()]": (tuple[()], [()]),
    "tuple[Leaf, Any]": (tuple[Leaf, Any], [(Derived(), DAY), (Leaf(), Leaf())]),
    "set[int]": (set[int], [set(), {1, 2}]),
    "set[date]": (set[dt.date], [{DAY}]),
    "set": (set, [{1, (2, DAY)}]),
    "frozenset[str]": (frozenset[str], [frozenset({"a"})]),
    "deque[date]": (collections.deque[dt.date], [collections.deque([DAY]), [DAY]]),
    "Sequence[date]": (Sequence[dt.date], [[DAY], (DAY,), collections.deque([DAY])]),
    "Sequence": (Sequence, [[DAY], (1,)]),
    "Iterable[date]": (Iterable[dt.date], [Once(lambda: iter([DAY, "2026-01-02"])), [DAY]]),
    "Iterable[Leaf]": (Iterable[Leaf], [Once(lambda: (Leaf(n=n) for n in range(2))), [1]]),
    "dict": (dict, [{}, {"a": DAY, 1: 2, None: Leaf()}]),
    "dict[str, date]": (dict[str, dt.date], [{}, {"a": DAY, NASTY: DAY, "_sa": DAY}]),
    "dict[str, Leaf]": (dict[str, Leaf], [{"a": Leaf(), "b": Leaf(n=2)}]),
    "dict[int, str]": (dict[int, str], [{1: "a", 2**70: "b"}]),
    "dict[float, str]": (dict[float, str], [{0.5: "a", 1e16: "b", math.nan: "c"}]),
    "dict[bool, int]": (dict[bool, int], [{True: 1, False: 2}]),
    "dict[int | None, int]": (dict[int | None, int], [{None: 1, 1: 2}]),
    "dict[Color, date]": (dict[Color, dt.date], [{Color.RED: DAY, Color.NAN: DAY}]),
    "dict[Level, int]": (dict[Level, int], [{Level.LOW: 1}]),
    "dict[Word, int]": (dict[Word, int], [{Word.A: 1, "_sa": 2}]),
    "dict[date, int]": (dict[dt.date, int], [{DAY: 1}]),
    "dict[datetime, int]": (dict[dt.datetime, int], [{WHEN: 1, WHEN.replace(tzinfo=None): 2}]),
    "dict[time, timedelta]": (dict[dt.time, dt.timedelta], [{NOON: dt.timedelta(1)}]),
    "dict[timedelta, int]": (dict[dt.timedelta, int], [{dt.timedelta(1.5): 1}]),
    "dict[UUID, UUID]": (dict[uuid.UUID, uuid.UUID], [{ID: ID}]),
    "dict[Decimal, int]": (dict[Decimal, int], [{Decimal("1.50"): 1}]),
    "dict[bytes, bytes]": (dict[bytes, bytes], [{b"a": b"a"}, {b"\xff": b""}]),
    "dict[tuple[int, date], int]": (dict[tuple[int, dt.date], int], [{(1, DAY): 1}]),
    "dict[Literal, int]": (dict[Literal["a", 1, Color.RED], int], [{"a": 1, 1: 2, Color.RED: 3}]),
    "dict[AnyUrl, int]": (dict[pydantic.AnyUrl, int], [{"http://a": 1}]),
    "dict[Any, Any]": (dict[Any, Any], [{"a": 1, 1: DAY, DAY: {(1, 2): Leaf()}, None: None}]),
    "dict[str, dict[int, date]]": (dict[str, dict[int, dt.date]], [{"a": {1: DAY}, "b": {}}]),
    "Mapping[str, date]": (Mapping[str, dt.date], [{"a": DAY}, collections.OrderedDict(b=DAY)]),
    "MutableMapping[str, Leaf]": (MutableMapping[str, Leaf], [{"a": Leaf()}]),
    "defaultdict": (
        collections.defaultdict[str, list[dt.date]],
        [{"a": [DAY]}, collections.defaultdict(list, b=[])],
    ),
    "OrderedDict": (collections.OrderedDict[str, dt.date], [collections.OrderedDict(a=DAY)]),
    "Counter": (collections.Counter[str], [collections.Counter("aab")]),
    "NamedTuple": (Row, [Row(1), Row(1, leaf=Derived()), (2, DAY, {"n": 5})]),
    "namedtuple": (Untyped, [Untyped(1, DAY)]),
    "list[NamedTuple]": (list[Row], [[Row(1)]]),
    "TypedDict": (Movie, [{}, {"title": "t", "shown": DAY}, {"year": 5, "title": "t"}]),
    "TypedDict, extras": (
        Loose,
        [{"movie": {"year": 1}, "took": dt.timedelta(1.5), "more": DAY, "x": Leaf()}],
    ),
    "dataclass": (Data, [Data(1), Data("1", leaf=Derived(), row=[DAY]), {"n": 1}]),
    "dataclass, set later": (Later, [Later(1), {"n": 1}]),
    "dataclass, frozen": (Cold, [Cold(), Cold(Data(1))]),
    "dataclass, generic": (DataBox[dt.date], [DataBox(DAY), DataBox("2026-01-02")]),
    "dataclass, validated": (Wide, [Wide(enn=5), Wide(enn=5, more=DAY), {"n": 2}]),
    "dataclass, with config": (Checked, [Checked(), Checked(n=5)]),
    "dataclass, subclass": (Point, [Point(1), More(x=Leaf()), {"y": 1}]),
    "dataclass, slots": (Slots, [Slots(), Slots(inner=Slots())]),
    "an alias": (Alias, [1, [1, [2]]]),
    "a recursive alias": (Trees, [{"a": DAY, "b": {"c": DAY}}]),
}
WRAPPED = {
    "PlainSerializer": (Annotated[dt.date, PlainSerializer(lambda day: day.year)], [DAY]),
    "PlainSerializer, typed": (
        Annotated[int, PlainSerializer(lambda n: DAY, return_type=dt.date)],
        [1],
    ),
    "PlainSerializer, wrong type": (Annotated[int, PlainSerializer(str, return_type=int)], [1]),
    "PlainSerializer, for Python": (
        Annotated[dt.date | None, PlainSerializer(str, when_used="json-unless-none")],
        [DAY, None],
    ),
    "PlainSerializer, info": (Annotated[int, PlainSerializer(shout)], [1]),
    "PlainSerializer, failing": (Annotated[int, PlainSerializer(lambda n: 1 // n)], [1, 0]),
    "WrapSerializer": (Annotated[dt.date, WrapSerializer(lambda v, handler: [handler(v)])], [DAY]),
    "WrapSerializer, first": (Annotated[list[Leaf], WrapSerializer(first_of)], [[Leaf()]]),
    "serializer in a list": (list[Annotated[dt.date, PlainSerializer(str)]], [[DAY]]),
    "serializer of keys": (dict[Annotated[int, PlainSerializer(hex)], int], [{17: 1}]),
    "AfterValidator": (Annotated[dt.date, AfterValidator(lambda day: day)], [DAY]),
    "AfterValidator, another type": (Annotated[int, AfterValidator(str)], [1]),
    "BeforeValidator": (Annotated[dt.date, BeforeValidator(lambda day: day)], [DAY]),
    "WrapValidator": (Annotated[Leaf, WrapValidator(lambda v, handler: handler(v))], [Leaf()]),
    "WrapValidator, skipping": (Annotated[Leaf, WrapValidator(lambda v, _: v)], [Leaf(), DAY]),
    "SerializeAsAny": (SerializeAsAny[Base], [Base(), Derived()]),
    "SerializeAsAny[list]": (SerializeAsAny[list[Base]], [[Derived()]]),
    "SerializeAsAny[date]": (SerializeAsAny[dt.date], [DAY, WHEN]),
    "list[SerializeAsAny]": (list[SerializeAsAny[Base]], [[Derived(), Base()]]),
    "Optional chain": (Annotated[dt.date | None, Field(title="t")] | None, [DAY, None]),
    "list[date | None] | None": (list[dt.date | None] | None, [None, [None, DAY]]),
    "int | str": (int | str, [1, "1"]),
    "str | int | float | bool": (str | int | float | bool, ["a", 1, 0.5, True, math.nan]),
    "date | datetime": (dt.date | dt.datetime, [DAY, WHEN]),
    "datetime | date | str": (dt.datetime | dt.date | str, [WHEN, DAY, "text", "2026-01-02"]),
    "UUID | str": (uuid.UUID | str, [ID, "text"]),
    "Decimal | int | float": (Decimal | int | float, [Decimal("1.5"), 1, 1.5]),
    "bytes | str": (bytes | str, [b"a", "a", b"\xff"]),
    "Level | int": (Level | int, [Level.LOW, 1, 5]),
    "Word | str": (Word | str, [Word.A, "a", "b"]),
    "Color | Level | None": (Color | Level | None, [Color.RED, Level.LOW, None]),
    "list[int] | tuple": (list[int] | tuple[str, ...], [[1], ("a",)]),
    "set[int] | list[date]": (set[int] | list[dt.date], [{1}, [DAY]]),
    "list[Leaf] | list[date]": (list[Leaf] | list[dt.date], [[Leaf()], [DAY], []]),
    "dict[str, date] | Leaf": (dict[str, dt.date] | Leaf, [{"a": DAY}, Leaf()]),
    "Movie | Leaf": (Movie | Leaf, [{"title": "a"}, Leaf()]),
    "Data | Leaf": (Data | Leaf, [Data(1), Leaf()]),
    "Base | Derived": (Base | Derived, [Base(), Derived()]),
    "Derived | Base": (Derived | Base, [Base(), Derived()]),
    "Leaf | str | None": (Leaf | str | None, [Leaf(), "a", None]),
    "list[Cat | Dog | str]": (list[Cat | Dog | str], [[Cat(), "a", Dog()]]),
    "Box[int] | Box[date]": (
        Box[int] | Box[dt.date],
        [Box[int](content=1), Box[dt.date](content=DAY)],
    ),
    "left to right": (
        Annotated[str | int | dt.date, Field(union_mode="left_to_right")],
        ["a", 1, DAY],
    ),
    "a tag of str": (Pet, [Cat(), Dog(kind="wolf"), {"kind": "cat"}]),
    "a tag of int": (Version, [First(), Second(), {"v": 2}]),
    "a tag of an enum": (Tinted, [Red(), Blue()]),
    "a callable's tag": (Called, [Cat(), Dog(), {"kind": "wolf"}]),
    "tags in tags": (Nested, [Cat(), Second(), Red(), Dog()]),
    "list of tagged": (list[Pet], [[Cat(), Dog()], []]),
    "tagged or None": (Pet | None, [Cat(), None]),
    "tagged, two models": (
        Annotated[
            Annotated[Cat, Tag("cat")] | Annotated[Leaf, Tag("leaf")],
            Discriminator(lambda v: "cat" if isinstance(v, Cat) else "leaf"),
        ],
        [Cat(), Leaf()],
    ),
    "tagged TypedDicts": (
        Annotated[
            TypedDict("A", {"t": Literal["a"], "when": dt.date})
            | TypedDict("B", {"t": Literal["b"], "n": int}),
            Field(discriminator="t"),
        ],
        [{"t": "a", "when": DAY}, {"t": "b", "n": 1}],
    ),
}
MODELS = {
    "Leaf": (Leaf, [Leaf(), Leaf(n=2), Leaf.model_construct(), {"n": 3}]),
    "Plain": (Plain, [Plain(maybe="x"), Plain(leaves=[Leaf()], table={"a": DAY})]),
    "Kinds": (Kinds, [Kinds(), Kinds(anything=Leaf())]),
    "Tree": (Tree, [Tree(children=[Tree()], back=Ring()), chain(60), chain(300)]),
    "Aliased": (Aliased, [Aliased(), Aliased(x=5, a=7)]),
    "Custom": (Custom, [Custom(), Custom(gives=DAY, sometimes=1), Custom(gives=5)]),
    "ForJSON": (ForJSON, [ForJSON(), ForJSON(gives=DAY)]),
    "Hiding": (Hiding, [Hiding(), Hiding(first=1, last=0, inner=Leaf())]),
    "Inner": (Inner, [Inner()]),
    "Whole": (Whole, [Whole(gives={"a": DAY}), Whole(gives=Derived())]),
    "Around": (Around, [Around(gives=1)]),
    "Computed": (Computed, [Computed(), Computed(n=7)]),
    "Open": (Open, [Open(), Open(a=DAY, n=2, b=None)]),
    "Dated": (Dated, [Dated(a="2026-01-02T03:04:05Z"), Dated.model_construct(a="text")]),
    "Private": (Private, [Private()]),
    "Choosing": (Choosing, [Choosing(), Choosing(pet=Dog(), scalars=DAY)]),
    "Duck": (Duck, [Duck(), Duck(many=[Derived()])]),
    "Anything": (Anything, [Anything(f=Leaf(), table={"a": DAY}, row=[Derived()], thing={1})]),
    "Base": (Base, [Base(), Derived(), {"n": 1}]),
    "Box": (Box, [Box(content=DAY), Box[int](content=1)]),
    "Box[date]": (Box[dt.date], [Box[dt.date](content=DAY), Box(content=DAY)]),
    "Box[Base]": (Box[Base], [Box[Base](content=Derived(), more=[Base(n=2)])]),
    "Box[Pet]": (Box[Pet], [Box[Pet](content=Dog())]),
    "Box[Row]": (Box[Row], [Box[Row](content=Row(1))]),
    "root of a list": (RootModel[list[dt.date]], [RootModel[list[dt.date]]([DAY]), [DAY]]),
    "root of a model": (RootModel[Base], [RootModel[Base](Derived()), Base()]),
    "root of a scalar": (RootModel[Decimal], [RootModel[Decimal](Decimal("1.5")), "2"]),
    "root of a choice": (RootModel[Pet | None], [RootModel[Pet | None](Cat()), None]),
    **{f"configured: {name}": (cls, [cls()]) for name, cls in CONFIGURED.items()},
}
TYPES = {**SCALARS, **COLLECTIONS, **WRAPPED, **MODELS}
