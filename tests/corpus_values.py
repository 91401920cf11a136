"""Values of every kind that people stream, good and bad, for streams without a declared type.

Each is made anew for each use: generators are used up, and instances may be changed.
"""

import collections
import datetime as dt
import decimal
import fractions
import functools
import ipaddress
import itertools
import math
import pathlib
import re
import types
import uuid
import warnings
from decimal import Decimal
from typing import Any

import pydantic
from pydantic_core import MultiHostUrl, PydanticUndefined, TzInfo, Url

from corpus_classes import (
    DAY,
    ID,
    NOON,
    UTC,
    WHEN,
    Attrs,
    Bag,
    Bits,
    Clock,
    Color,
    Count,
    Duck,
    Empty,
    Failing,
    Holding,
    Items,
    Iterated,
    Keys,
    Level,
    Lie,
    Mapped,
    Missing,
    Mixed,
    Moment,
    Money,
    Named,
    Pair,
    Pairs,
    Ratio,
    Raw,
    Refusing,
    Renamed,
    Row,
    Share,
    Shy,
    Slotted,
    Span,
    Stamp,
    Today,
    Untyped,
    Ways,
    Word,
    Zone,
)
from oracle import NASTY, Leaf, Number, Text


def deep(levels, make=lambda inner: [inner]):
    value = None
    for _ in range(levels):
        value = make(value)
    return value


def loop(kind):
    value = kind()
    value.append(value) if isinstance(value, list) else value.update(a=value)
    return value


def color():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pydantic's own is deprecated
        from pydantic.color import Color as Old  # noqa: PLC0415

        return Old("red")


def version_1():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons are not for it
        from pydantic import v1  # noqa: PLC0415

        return v1.create_model("Old", a=(int, 1))()


FLOATS = [0.0, -0.0, 1.0, 0.1, 1e-3, 1e-4, 9.999e-5, 1e-5, 1.5e-5, 1e-6, 1e-7, 5e-324, 2.2e-308]
FLOATS += [1e15, 999999999999999.9, 9999999999999998.0, 1e16, 1.2345e16, 123456789012345680.0]
FLOATS += [1e17, 1e21, 1e22, 1e23, 1.7976931348623157e308, 0.1 + 0.2, math.pi, -1e16, -1e-7]
FLOATS += [math.nan, -math.nan, math.inf, -math.inf, Ratio(0.5), Ratio("nan"), Ratio("inf")]
INTS = [0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64]
INTS += [10**18, 10**19, 10**40, -(10**40), 10**4299, 10**4300, -(10**5000), Number(5), Count(5)]
INTS += [Number(2**70), True, False]
TEXTS = ["", "a", NASTY, NASTY * 100, "\r\n", "\x00", "\ud800", "a\udfff", "\ud83c\udf88", "🎈"]
TEXTS += ["\ufeff", "\x7f\x80\x9f", "_sa", Text("honest"), Lie("honest"), Lie(NASTY)]
ZONES = [None, UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone.min]
ZONES += [dt.timezone.max, dt.timezone(-dt.timedelta(seconds=1)), dt.timezone(dt.timedelta(0), "Z")]
ZONES += [dt.timezone(dt.timedelta(hours=1, seconds=7)), dt.timezone(dt.timedelta(microseconds=3))]
ZONES += [dt.timezone(-dt.timedelta(hours=3, minutes=30)), TzInfo(3600), TzInfo(0), TzInfo(-90)]
ZONES += [Zone(None), Zone(dt.timedelta(hours=2)), Zone(lambda: 1 // 0), Zone("no delta")]
TIMES = [
    *(WHEN.replace(tzinfo=zone) for zone in ZONES),
    *(WHEN.replace(microsecond=part) for part in (0, 1, 10, 100, 1000, 10_000, 120_000, 999_999)),
    *(dt.datetime.min, dt.datetime.max, dt.datetime(1, 1, 1, tzinfo=UTC), WHEN.replace(fold=1)),  # noqa: DTZ901
    *(Stamp(2026, 1, 2, tzinfo=UTC), Stamp(2026, 1, 2, 3, 4, 5, 6)),
    *(dt.date.min, dt.date.max, DAY, Today(2026, 1, 2), dt.date(99, 1, 1)),
    *(NOON.replace(tzinfo=zone) for zone in ZONES),
    *(NOON.replace(microsecond=part) for part in (1, 1000, 500_000, 999_999)),
    *(dt.time.min, dt.time.max, Clock(1, 2, 3, 4)),
    *(dt.timedelta(seconds=n) for n in (0, 1, -1, 90.5, 1e-6, -1e-6, 0.1, 86400, 3600 * 1e5, 1e9)),
    *(dt.timedelta.min, dt.timedelta.max, dt.timedelta(-1, 5, 7), Span(days=1, seconds=2)),
    *(dt.timedelta(days=31, hours=5, microseconds=10), dt.timedelta(days=-400, microseconds=1)),
]
DECIMALS = [
    *("0", "-0", "1", "-1", "1.0", "1.50", "0.1", "-0.0", "0E+5", "0E-10", "1E+3", "1.5E+3"),
    *("1E-7", "1E-400", "1E+400", "1E+5000", "NaN", "-NaN", "sNaN", "NaN123", "Infinity"),
    *("-Infinity", "0.1000000000000000055511151231257827", "1e308", "1e309", "9007199254740993"),
    *("9007199254740993.0", f"{10**39}", f"{10**39}.5"),
]
NUMBERS = [*map(Decimal, DECIMALS), Money("1.5"), Money(7), fractions.Fraction(1, 3), 1j, 0j]
IDS = [ID, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), type("MyId", (uuid.UUID,), {})(int=1)]
ENUMS = [member for cls in (Color, Level, Word, Mixed, Share, Moment, Renamed) for member in cls]
ENUMS += [Ways.UP, Ways.UP | Ways.DOWN, Ways(0), Bits.ONE | Bits.TWO, Bits(8)]
BYTES = [b"", b"text", "ü\r\n".encode(), b"\xff\x00", b"\xed\xa0\x80", Raw(b"\xff"), Raw(b"a")]
NETWORK = [
    *map(ipaddress.ip_address, ("127.0.0.1", "::1", "fe80::1%eth0")),
    *map(ipaddress.ip_network, ("10.0.0.0/8", "2001:db8::/32")),
    *map(ipaddress.ip_interface, ("10.0.0.1/8", "2001:db8::1/32")),
    *(Url("https://user:pw@exämple.org:8080/ä?q=1#f"), pydantic.AnyUrl("http://a.b")),
    *(pydantic.HttpUrl("http://a.b/c d"), MultiHostUrl("postgres://u:p@a:1,b:2/db")),
    *(pydantic.PostgresDsn("postgres://u:p@a:1/db"), pydantic.FileUrl("file:///a")),
]
ODD = [
    *(pydantic.SecretStr("hush"), pydantic.SecretStr(""), pydantic.SecretBytes(b"hush")),
    *(pydantic.Secret[int](5), pydantic.ByteSize(1024), PydanticUndefined, ..., NotImplemented),
    *(re.compile("a.b", re.IGNORECASE), re.compile(b"bytes"), re.match("a", "a")),
    *(pathlib.PurePosixPath("/a b"), pathlib.PureWindowsPath("c:\\ü"), pathlib.Path("p\udce4")),
    *(int, Leaf, Color, type, Any, list[int], len, str.upper, deep, abs, functools.partial(abs, 1)),
    *(object(), Empty(), Slotted(), Attrs(), Attrs(DAY), Duck(), Duck, Shy(), Refusing(), Zone),
    *(ValueError("text", 1), KeyError(), slice(1), types, types.SimpleNamespace(), ID.hex.join),
]
OBJECTS = {
    "attributes": lambda: Holding(a=1, day=DAY, _private=2, _sa_state=3, inner=Holding(b={1})),
    "a namespace": lambda: types.SimpleNamespace(a=WHEN, b=[Leaf()]),
    "keys and getitem": lambda: Mapped(a=1, day=DAY, leaf=Leaf(), _sa=1),
    "wrong keys": lambda: Mapped(a=math.nan, b=Mapped(c=object())),
    "pairs": Pairs,
    "an exception with attributes": lambda: pydantic.ValidationError.from_exception_data("t", []),
    "a generator": lambda: (each for each in (1, DAY, Leaf())),
    "a generator that fails": lambda: (1 // each for each in (1, 0)),
    "a generator of generators": lambda: ((n for n in range(3)) for _ in range(1)),
    "a coroutine's like": lambda: iter([1, 2]),
    "a map": lambda: map(str, [1, 2]),
    "a map of pairs": lambda: zip("ab", [1, DAY], strict=True),
    "a chain": lambda: itertools.chain([1], [2]),
    "bytearray": lambda: bytearray(b"abc"),
    "bad bytearray": lambda: bytearray(b"\xff"),
    "memoryview": lambda: memoryview(b"abc"),
    "a memoryview of pairs": lambda: memoryview(b""),
    "a loop of lists": lambda: loop(list),
    "a loop of dicts": lambda: loop(dict),
    "a color": color,
    "a model of Pydantic 1": version_1,
    **{f"{n} levels of lists": functools.partial(deep, n) for n in (100, 253, 254, 255, 256, 300)},
    "levels of lists without end": functools.partial(deep, 1100),
    "levels of dicts": lambda: deep(150, lambda inner: {"a": inner}),
    "levels of tuples": lambda: deep(150, lambda inner: (inner,)),
    "levels of models": lambda: deep(60, lambda inner: [Leaf.model_construct(n=inner)]),
}
CONTAINERS = {
    "list": lambda: [1, "a", None, [2.5, [math.nan]], DAY],
    "tuple": lambda: (1, (2, ()), math.nan, {"a": (math.inf,)}),
    "set": lambda: {1, 2.5, None},
    "set of tuples": lambda: {(1, DAY)},
    "frozenset": lambda: frozenset({"a"}),
    "deque": lambda: collections.deque([1, DAY, collections.deque()], maxlen=3),
    "range": lambda: range(3),
    "empty": lambda: [[], {}, (), set(), frozenset(), collections.deque(), range(0), "", b""],
    "array-like": lambda: types.MappingProxyType({"a": DAY}),
    "user dict": lambda: collections.UserDict(a=1, b=DAY),
    "user list": lambda: collections.UserList([1, 2]),
    "user list of pairs": lambda: collections.UserList([("a", 1), ("b", DAY)]),
    "user string": lambda: collections.UserString("text"),
    "chain map": lambda: collections.ChainMap({"a": 1}, {"b": DAY}),
    "keys": {"a": 1}.keys,
    "items": {"a": 1, "b": DAY}.items,
    "ordered": lambda: collections.OrderedDict(b=1, a=DAY),
    "counter": lambda: collections.Counter("aab"),
    "default dict": lambda: collections.defaultdict(list, a=[DAY]),
    "namedtuple": lambda: Named(Untyped(1, DAY), math.nan),
    "row": lambda: Row([1, 2]),
    "empty row": Row,
    "pair": lambda: Pair((1, 2)),
    "bag": lambda: Bag({1}),
    "own items": lambda: Items(a=1, b=Leaf()),
    "own keys": lambda: Keys(a=1, b=2),
    "iterated": lambda: Iterated(a=5),
    "missing": lambda: Missing(a=5),
    "failing": lambda: Failing(a=5),
    "failing in a list": lambda: [Failing()],
    "models": lambda: [Leaf(), (Leaf(n=2), {"chunk": Leaf(n=3), "more": [{"a": (Leaf(),)}]})],
    "a chunk": lambda: {"chunk": Leaf(), "index": 0},
    "models in a set's like": lambda: {"a": collections.deque([Leaf()]), "b": iter(())},
}
KEYS = [
    *(None, True, False, 0, -1, 2**70, 10**4300, 1.0, 0.5, -0.0, 1e16, 1e-7, math.nan, math.inf),
    *(-math.inf, "", "a", "_sa", "_sa_x", "_sA", "\ud800", NASTY, Text("_sa"), Lie("a"), Number(3)),
    *(Count(3), Ratio(0.5), b"a", b"_sa", b"\xff", (), (1, 2), ("a",), frozenset({1}), range(2)),
    *(Color.RED, Color.PAIR, Color.KEY, Color.NOTHING, Level.LOW, Word.A, Word.SA, Mixed.A),
    *(Share.NAN, Ways.UP, DAY, WHEN, WHEN.replace(tzinfo=None), NOON, dt.timedelta(seconds=1.5)),
    *(ID, Decimal("1.50"), Decimal(7), Decimal("NaN"), Decimal("1E+3"), int, Leaf, Empty(), len),
    *(Named(1), ipaddress.ip_address("::1"), pathlib.PurePosixPath("/a"), Url("http://a"), 1j),
    *(pydantic.SecretStr("hush"), re.compile("a"), ..., PydanticUndefined, dt.UTC),
]
EQUAL_KEYS = [
    {1: "int", "1": "str"},
    {"1": "str", 1: "int", 1.5: "float", "1.5": "str"},
    {None: "None", "null": "str", "None": "str"},
    {True: "bool", "true": "str", "True": "str"},
    {math.nan: "nan", "NaN": "str", float("nan"): "another", "nan": "str"},
    {Color.RED: "enum", "red": "str"},
    {"red": "str", "x": 0, Color.RED: "enum"},
    {ID: "uuid", str(ID): "str"},
    {DAY: "date", "2026-01-02": "str", DAY.isoformat(): "again"},
    {b"a": "bytes", "a": "str", Word.A: "enum"},
    {Decimal("1.5"): "decimal", "1.5": "str"},
    {pathlib.PurePosixPath("a"): "path", "a": "str"},
    {"_sa": object(), "a": {"_sa_b": object(), "b": [{"_sa": {"_sa": object()}}]}},
    {"_sa": 1},
    {0: "int", "0": "str", "-0.0": "str"},
    {-0.0: "float", "0": "str", "-0.0": "str"},
]


def named(kind, values):
    """Return a table of makers, by names that say what is made."""
    table = {}
    for number, value in enumerate(values):
        text = "".join(c if c.isprintable() and c.isascii() else "_" for c in describe(value))
        table[f"{kind} {number}: {text}"] = functools.partial(lambda value: value, value)
    return table


def describe(value):
    """Return a short text without addresses, also for numbers that `repr` refuses to write."""
    try:
        return repr(value).partition(" at 0x")[0][:40]
    except ValueError:
        return "huge"


VALUES = {
    **named("text", TEXTS),
    **named("int", INTS),
    **named("float", FLOATS),
    **named("time", TIMES),
    **named("number", NUMBERS),
    **named("id", IDS),
    **named("enum", ENUMS),
    **named("bytes", BYTES),
    **named("network", NETWORK),
    **named("odd", ODD),
    **OBJECTS,
    **CONTAINERS,
    **named("key", [{key: "value"} for key in KEYS]),
    **named("keys", EQUAL_KEYS),
    "all keys that go": lambda: {key: number for number, key in enumerate(KEYS[:12])},
    "a context": decimal.getcontext,
    "None": lambda: None,
}
