"""Models and dataclasses of every kind."""

import dataclasses
import datetime as dt
import enum
import functools
import inspect
import math
import uuid
import warnings
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import pydantic
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PrivateAttr,
    SerializeAsAny,
    Tag,
    WrapSerializer,
    computed_field,
    create_model,
    field_serializer,
    model_serializer,
)
from pydantic_core import core_schema
from typing_extensions import TypedDict

from corpus_classes import DAY, ID, WHEN, Color, Level, Word
from oracle import NASTY, Leaf

T = TypeVar("T")
# Pydantic has such conditions since 2.12.
CONDITIONS = "exclude_if" in inspect.signature(Field).parameters
UNLESS_ZERO = {"exclude_if": lambda value: value == 0} if CONDITIONS else {}


@dataclasses.dataclass
class Point:
    x: Any = 1
    y: float = math.nan
    names: list[str] = dataclasses.field(default_factory=list)
    _sa_state: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    when: dt.datetime = WHEN
    inner: Any = None


@dataclasses.dataclass(kw_only=True)
class More(Point):
    z: Any = 3
    hidden: Any = dataclasses.field(default=4, repr=False, compare=False)
    init: dataclasses.InitVar[int] = 5
    shared: ClassVar[int] = 6

    @property
    def area(self):
        return 7


@dataclasses.dataclass
class DataDict(dict):
    x: int = 1


@dataclasses.dataclass
class DataText(str):  # noqa: SLOT000  # its field needs a dict
    x: int = 1


@dataclasses.dataclass
class DataModel(BaseModel):
    x: int = 1


@dataclasses.dataclass
class DataEnumMixin:
    x: int


class DataEnum(DataEnumMixin, enum.Enum):
    A = 1


@dataclasses.dataclass
class Iterated:
    x: int = 1

    def __iter__(self):
        return iter([("iterated", 1)])

    def __deepcopy__(self, memo):
        return "a deep copy"


@pydantic.dataclasses.dataclass(config=ConfigDict(ser_json_timedelta="float"))
class Checked:
    n: Annotated[int, Field(serialization_alias="enn")] = 1
    took: dt.timedelta = dt.timedelta(seconds=1.5)
    leaf: Leaf = dataclasses.field(default_factory=Leaf)

    @computed_field
    @property
    def twice(self) -> int:
        return self.n * 2


class Kinds(BaseModel):
    """A field of each kind that is written in a way of its own."""

    when: dt.datetime = WHEN
    day: dt.date = DAY
    noon: dt.time = dt.time(12, 0, 0, 5)
    took: dt.timedelta = dt.timedelta(days=-1, microseconds=5)
    id: uuid.UUID = ID
    cost: Decimal = Decimal("1.50")
    color: Color = Color.RED
    level: Level = Level.LOW
    word: Word = Word.A
    raw: bytes = b"raw"
    pair: tuple[int, str] = (1, "a")
    row: tuple[float, ...] = (1.5, 1e16)
    bag: set[int] = {1}
    point: Point = Field(default_factory=Point)
    secret: pydantic.SecretStr = pydantic.SecretStr("hush")
    ratio: float = math.nan
    anything: Any = WHEN


class Aliased(BaseModel):
    a: int = Field(1, alias="b")
    b: int = Field(2, alias="a")
    c: int = Field(3, serialization_alias=NASTY)
    d: int = Field(4, serialization_alias="_sa_d")
    e: Any = Field(None, validation_alias="x")


class Custom(BaseModel):
    """Each field has a serializer of some kind; `gives` is what they return."""

    gives: Any = Field("text", exclude=True)
    plain: int = 1
    wrapped: int = 2
    sometimes: int | None = None
    typed: int = 3
    annotated: Annotated[Any, PlainSerializer(lambda value: [value], when_used="json")] = 4
    around: Annotated[Leaf, WrapSerializer(lambda value, handler: {"w": handler(value)})] = Leaf()

    @field_serializer("plain")
    def _plain(self, value):
        return self.gives

    @field_serializer("wrapped", mode="wrap")
    def _wrapped(self, value, handler, info):
        return [handler(value), info.mode, info.by_alias, info.exclude_none, self.gives]

    @field_serializer("sometimes", when_used="unless-none")
    def _sometimes(self, value):
        return self.gives

    @field_serializer("typed", when_used="json-unless-none")
    def _typed(self, value) -> int:
        return self.gives


class Whole(BaseModel):
    gives: Any = None
    leaf: Leaf = Leaf()

    @model_serializer
    def _whole(self):
        return self.gives


class Around(BaseModel):
    gives: Any = None
    leaf: Leaf = Leaf()

    @model_serializer(mode="wrap")
    def _around(self, handler, info):
        return {**handler(self), "mode": info.mode, "when": WHEN, 1: (2, {3})}


class ForJSON(BaseModel):
    gives: Any = None

    @model_serializer(when_used="json-unless-none")
    def _whole(self) -> dt.date | None:
        return self.gives


class Hiding(BaseModel):
    """Some fields are left out, always or by their value."""

    hidden: dt.date = Field(DAY, exclude=True)
    first: int = Field(0, **UNLESS_ZERO)
    last: int = Field(3, **UNLESS_ZERO)
    inner: Leaf | None = Field(None, exclude=False)


class Computed(BaseModel):
    n: int = 2
    when: dt.date = DAY

    @computed_field(alias="byAlias")
    @property
    def square(self) -> int:
        return self.n**2

    @computed_field
    @functools.cached_property
    def later(self) -> dt.date:
        return self.when + dt.timedelta(self.n)

    @computed_field(repr=False)
    @property
    def nothing(self) -> Leaf | None:
        return Leaf(n=9) if self.n > 5 else None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    n: int = 1


class Dated(Open):
    __pydantic_extra__: dict[str, dt.datetime] = Field(init=False)


class Private(BaseModel):
    n: int = 1
    _secret: Any = PrivateAttr(default=WHEN)
    shared: ClassVar[int] = 5

    @functools.cached_property
    def cached(self):
        return 5


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    born: dt.date = DAY


class Dog(BaseModel):
    kind: Literal["dog", "wolf"] = "dog"
    tricks: tuple[str, ...] = ()


class First(BaseModel):
    version: Literal[1] = Field(1, alias="v")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat()


class Second(BaseModel):
    version: Literal[2] = Field(2, alias="v")
    level: Level = Level.LOW


class Red(BaseModel):
    color: Literal[Color.RED] = Color.RED


class Blue(BaseModel):
    color: Literal[Color.DATE] = Color.DATE
    when: dt.datetime = WHEN


def tag(value):
    value = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return {"wolf": "dog", None: None}.get(value, value)


Pet = Annotated[Cat | Dog, Discriminator("kind")]
Version = Annotated[First | Second, Discriminator("version")]
Tinted = Annotated[Red | Blue, Discriminator("color")]
Called = Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(tag)]
Nested = Annotated[Pet | Version | Red, Field(union_mode="left_to_right")]


class Choosing(BaseModel):
    pet: Pet = Cat()
    version: Version = First()
    tinted: Tinted = Red()
    called: Called = Dog()
    scalars: int | dt.date | str | None = None
    pets: list[Pet] = []


class Box(BaseModel, Generic[T]):
    content: T
    more: list[T] = []


class Base(BaseModel):
    n: int = 1


class Derived(Base):
    secret: str = "cut"
    when: dt.date = DAY


class Duck(BaseModel):
    base: Base = Derived()
    quacks: SerializeAsAny[Base] = Derived()
    maybe: SerializeAsAny[Base | None] = None
    many: list[SerializeAsAny[Base]] = []


class Anything(BaseModel):
    f: Any = None
    table: dict[str, Any] = {}
    row: list[Any] = []
    thing: object = None


class Typed(TypedDict):
    a: int
    when: dt.date


class Inner(BaseModel):
    """Has settings of its own, wherever it stands."""

    model_config = ConfigDict(ser_json_timedelta="float", ser_json_bytes="base64")
    took: dt.timedelta = dt.timedelta(1)
    raw: bytes = b"\xff"
    ratio: float = math.nan


class Textual:
    """A class that says itself how Pydantic is to write it."""

    def __init__(self, text="text"):
        self.text = text

    def __str__(self):
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value),
            serialization=core_schema.to_string_ser_schema(),
        )


class Formatted(float):
    """A number that is written with two digits."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return core_schema.float_schema(
            serialization=core_schema.format_ser_schema(".2f", when_used="json")
        )


def configured(**settings):
    fields = {
        "took": (dt.timedelta, dt.timedelta(seconds=90.5)),
        "raw": (bytes, b"\xff\x00"),
        "ratio": (float, math.inf),
        "when": (dt.datetime, WHEN),
        "color": (Color, Color.RED),
        "leaf": (Leaf, Leaf()),
        "aliased": (int, Field(1, serialization_alias="alias")),
        "anything": (Any, dt.timedelta(1)),
        "deep": (dict[str, tuple[dt.timedelta, float]], {"a": (dt.timedelta(1), math.nan)}),
        "point": (Point, Point(dt.timedelta(1))),
        "inner": (Inner, Inner()),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # json_encoders are deprecated
        return create_model("Configured", __config__=ConfigDict(**settings), **fields)


SETTINGS = [
    {"ser_json_timedelta": "float"},
    {"ser_json_timedelta": "iso8601"},
    {"ser_json_bytes": "base64"},
    {"ser_json_bytes": "hex"},
    {"ser_json_inf_nan": "constants", "ser_json_bytes": "hex"},
    {"ser_json_inf_nan": "strings", "ser_json_bytes": "base64"},
    {"ser_json_inf_nan": "null", "ser_json_bytes": "base64"},
    *({"ser_json_temporal": how} for how in ("iso8601", "seconds", "milliseconds")),
    {"use_enum_values": True, "validate_default": True, "ser_json_bytes": "hex"},
    {"serialize_by_alias": True, "ser_json_bytes": "hex"},
    {"revalidate_instances": "always", "ser_json_bytes": "hex"},
    {"revalidate_instances": "subclass-instances", "from_attributes": True},
    {"frozen": True, "from_attributes": True, "strict": True, "ser_json_bytes": "hex"},
    {"json_encoders": {dt.timedelta: lambda _: "my timedelta", Leaf: lambda _: "my leaf"}},
    {"polymorphic_serialization": True, "ser_json_bytes": "hex"},
    {"alias_generator": str.upper, "ser_json_bytes": "hex", "defer_build": True},
]
CONFIGURED = {str(settings)[1:60]: configured(**settings) for settings in SETTINGS}
