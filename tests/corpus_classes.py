"""Classes whose instances are not what they seem to be, and enums of every kind."""

import collections
import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from typing import Any, NamedTuple

from oracle import Leaf

UTC = dt.UTC
WHEN = dt.datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
DAY, NOON = WHEN.date(), dt.time(12)
ID = uuid.UUID("a8098c1a-f86e-11da-bd1a-00112444be1e")


class Zone(dt.tzinfo):
    """A time zone that says what it is told to say."""

    def __init__(self, answer):
        self.answer = answer

    def utcoffset(self, when):
        return self.answer() if callable(self.answer) else self.answer

    def dst(self, when):
        return None

    def tzname(self, when):
        return "Zone"


class Stamp(dt.datetime):
    def isoformat(self, *_, **__):
        return "my isoformat"

    __str__ = isoformat


class Today(dt.date):
    isoformat = Stamp.isoformat


class Clock(dt.time):
    isoformat = Stamp.isoformat


class Span(dt.timedelta):
    def total_seconds(self):
        return 5


class Money(Decimal):
    def __str__(self):
        return "a fortune"


class Lie(str):
    __slots__ = ()

    def __repr__(self):
        return "a lie"

    __str__ = __repr__

    def __len__(self):
        return 0

    def startswith(self, *_):
        return True

    def encode(self, *_):
        return b"a lie"


class Count(int):
    def __repr__(self):
        return "a lie"

    __str__ = __repr__

    def __int__(self):
        return 99

    __index__ = __int__


class Ratio(float):
    def __repr__(self):
        return "a lie"

    __str__ = __repr__

    def __float__(self):
        return 99.0


class Raw(bytes):
    def decode(self, *_):
        return "my decode"


class Row(list):
    def __iter__(self):
        return iter(["iterated"])

    def __len__(self):
        return 1


class Pair(tuple):
    __slots__ = ()

    def __iter__(self):
        return iter(["iterated"])


class Bag(set):
    def __iter__(self):
        return iter(["iterated"])


class Items(dict):
    def items(self):
        return [("items", 1), *super().items()]


class Keys(dict):
    def keys(self):
        return ["keys", "a"]


class Iterated(dict):
    def __iter__(self):
        return iter(["iterated"])

    def __getitem__(self, key):
        return 1


class Missing(dict):
    def __missing__(self, key):
        return key


class Failing(dict):
    def items(self):
        raise KeyError("items")


class Color(enum.Enum):
    RED = "red"
    PAIR = ("a", math.nan)
    LIST = [1, math.inf]  # noqa: RUF012  # a member
    TABLE = {"a": 1, "_sa": 2}  # noqa: RUF012  # a member
    MODEL = Leaf(n=3)
    DATE = DAY
    NAN = math.nan
    NOTHING = None
    OBJECT = object()
    KEY = "_sa_key"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2**70


class Word(enum.StrEnum):
    A = "a"
    SA = "_sa"


class Mixed(str, enum.Enum):  # noqa: UP042  # the old form, on purpose
    A = "mixed a"

    def __str__(self):
        return "a lie"


class Share(float, enum.Enum):
    HALF = 0.5
    NAN = math.nan


class Moment(dt.date, enum.Enum):
    START = 2026, 1, 2


class Ways(enum.Flag):
    UP = 1
    DOWN = 2


class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


class Renamed(enum.Enum):
    A = 1

    @property
    def value(self):
        return "my value"


class Named(NamedTuple):
    a: Any
    b: Any = 2


Untyped = collections.namedtuple("Untyped", "a b")  # noqa: PYI024  # such as people have


class Empty:
    pass


class Holding:
    """An object that has attributes and nothing else."""

    shared = "of the class"

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


class Mapped:
    """As rows of databases are: keys and values by key."""

    def __init__(self, **members):
        self.members = members

    def keys(self):
        return self.members.keys()

    def __getitem__(self, key):
        return self.members[key]


class Pairs:
    """As Pydantic's models of old: iterates over pairs."""

    def __iter__(self):
        yield "a", 1
        yield "_sa", 2
        yield "day", DAY


class Attrs:
    """As made by attrs: slots, equality, a repr."""

    __slots__ = ("__weakref__", "x")
    __attrs_attrs__ = ()

    def __init__(self, x=1):
        self.x = x

    def __repr__(self):
        return f"Attrs(x={self.x!r})"


class Duck:
    """Writes itself, as models do, and is none."""

    def model_dump_json(self):
        return '{"duck":1}'

    def model_dump(self, **_):
        return {"dumped": 1}


class Shy:
    @property
    def __dict__(self):
        raise KeyError("shy")


class Refusing:
    def __getattr__(self, name):
        raise ZeroDivisionError(name)
