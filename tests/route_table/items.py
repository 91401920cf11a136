"""What is streamed: items of declared types, of none, and events of every origin."""

import dataclasses
import enum
from collections.abc import AsyncIterable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypeVar

import fastapi.sse
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    computed_field,
    field_serializer,
    model_validator,
)
from typing_extensions import TypedDict

import eventwire
import eventwire.fastapi
from route_table.table import add, get, post, row


class Item(BaseModel):
    """A thing to stream."""

    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(alias="theName")
    price: float = 1e16
    note: str | None = None
    inner: "Item | None" = None


class Rich(Item):
    secret: str = "hidden"


class Attributes(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str


class Row:
    name = "row"


class Computed(BaseModel):
    name: str
    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    @computed_field
    @property
    def shout(self) -> str:
        return self.name.upper()

    @field_serializer("at")
    def seconds(self, at: datetime) -> int:
        return int(at.timestamp())


class Checked(BaseModel):
    low: int
    high: int

    @model_validator(mode="after")
    def ordered(self) -> "Checked":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


Payload = TypeVar("Payload")


class Envelope(BaseModel, Generic[Payload]):
    kind: str
    payload: Payload


class Names(RootModel[list[str]]):
    pass


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


class Options(TypedDict):
    name: str
    size: NotRequired[int]


class Pair(NamedTuple):
    first: int
    second: str


class Colour(enum.Enum):
    RED = "red"


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    good: bool = True


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

# Older versions take U+2028 and its like for line ends, and drop a last empty line.
OLD_LINES = {"a model with computed fields", "str"}
TYPES = {
    "a model": (Item, [Item(name="a"), {"theName": "b"}, Item(name="c", inner=Item(name="d"))]),
    "a subclass of the declared model": (Item, [Rich(name="a")]),
    "a model from attributes": (Attributes, [Row()]),
    "a model with computed fields": (Computed, [Computed(name="a"), {"name": "ü\u2028"}]),
    "a model with a validator": (Checked, [Checked(low=1, high=2), {"low": 1, "high": 1}]),
    "a model with extras": (Open, [Open(name="a", more=[1])]),
    "a generic model": (Envelope[Item], [Envelope[Item](kind="k", payload=Item(name="a"))]),
    "a root model": (Names, [Names(["a"]), ["b"]]),
    "a dataclass": (Point, [Point(1), {"x": 2, "y": 3}]),
    "a TypedDict": (Options, [{"name": "a"}, {"name": "b", "size": 1}]),
    "a NamedTuple": (Pair, [Pair(1, "a"), (2, "b")]),
    "an enum": (Colour, [Colour.RED, "red"]),
    "a union of models": (Item | Point, [Item(name="a"), Point(1)]),
    "a discriminated union": (Pet, [Cat(), Dog(good=False), {"kind": "dog"}]),
    "an optional model": (Item | None, [None, Item(name="a")]),
    "a list of models": (list[Item], [[Item(name="a")], [], ({"theName": "b"},)]),
    "a dict": (dict[str, Point], [{"a": Point(1)}, {}]),
    "a tuple": (tuple[int, ...], [(1, 2), [3]]),
    "a set": (set[int], [{1}, [2]]),
    "str": (str, ["text", "line\nend", "", "grüße \u2028 🎈"]),
    "int": (int, [1, "2", True, 10**30]),
    "float": (float, [1.5, 1e16, 1e-7, 3]),
    "bool": (bool, [True, "no"]),
    "bytes": (bytes, [b"text"]),
    "Any": (Any, [1, {"a": 1.0}, Item(name="a"), None, [Point(1)]]),
    "object": (object, [1, "a", {"b": 2}]),
    "a literal": (Literal["a", 1], ["a", 1]),
    "a datetime": (datetime, [datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T03:04:05"]),
    "a timedelta": (timedelta, [timedelta(seconds=90), 5]),
    "a Decimal": (Decimal, [Decimal("1.10"), "2.5"]),
    "a constrained int": (Annotated[int, Field(ge=0, le=5)], [1, "5"]),
}
for name, (declared, items) in TYPES.items():

    def declare(app, sse, trace, case=(declared, items)):
        declared, items = case

        async def stream() -> AsyncIterable[declared]:
            for item in items:
                yield item

        def sync_stream() -> Iterable[declared]:
            yield from items

        def returned() -> Iterable[declared]:
            return items

        def untyped():
            yield from items

        for path, endpoint in {
            "/": stream, "/sync": sync_stream, "/returned": returned, "/untyped": untyped,
        }.items():  # fmt: skip
            app.get(path, response_class=sse.EventSourceResponse)(endpoint)

    requests = map(get, ("/", "/sync", "/returned", "/untyped"))
    add(f"items: {name}", declare, *requests, newest=name in OLD_LINES)

OPTIONS = {
    "include": {"response_model_include": {"name", "note"}},
    "include of inner fields": {"response_model_include": {"inner": {"name"}}},
    "exclude": {"response_model_exclude": {"price": True, "inner": {"price"}}},
    "by_alias off": {"response_model_by_alias": False},
    "exclude_unset": {"response_model_exclude_unset": True},
    "exclude_defaults": {"response_model_exclude_defaults": True},
    "exclude_none": {"response_model_exclude_none": True},
    "all of them": {
        "response_model_exclude_none": True,
        "response_model_exclude_defaults": True,
        "response_model_exclude": {"secret"},
        "response_model_by_alias": False,
    },
    "response_model": {"response_model": Item},
    "response_model None": {"response_model": None},
}
THINGS = [Item(name="a"), Rich(name="b", note="n"), Item(name="c", price=1, inner=Item(name="d"))]
for name, options in OPTIONS.items():

    def declare(app, sse, trace, options=options):
        @app.get("/", response_class=sse.EventSourceResponse, **options)
        async def stream() -> AsyncIterable[Item]:
            for item in THINGS:
                yield item

        @app.get("/untyped", response_class=sse.EventSourceResponse, **options)
        def untyped():
            yield from THINGS
            yield sse.ServerSentEvent(data=THINGS[0])

    add(f"options: {name}", declare, get(), get("/untyped"))


def every_event(cls):
    yield cls(data={"a": 1.0, "ü": None}, event="e", id="1", retry=5, comment="c")
    yield cls(data=THINGS[0])
    yield cls(data=THINGS)
    yield cls(data="text\nlines")
    yield cls(data=0)
    yield cls(data="")
    yield cls(data=False)
    yield cls(raw_data="raw\r\nlines\rand\n")
    yield cls(raw_data="")
    yield cls(comment="just\na comment")
    yield cls(id="7")
    yield cls(event="bare")
    yield cls(retry=0)
    yield cls()


class Own(eventwire.fastapi.ServerSentEvent):
    """A subclass of ours, streamed by both."""

    data: Any = None
    trace_id: str = "t"


ORIGINS = {
    "fastapi.sse": fastapi.sse.ServerSentEvent,
    "eventwire.fastapi": eventwire.fastapi.ServerSentEvent,
    "eventwire": eventwire.ServerSentEvent,
    "a subclass": Own,
}
for name, cls in ORIGINS.items():

    def declare(app, sse, trace, cls=cls):
        async def untyped():
            for event in every_event(cls):
                yield event

        async def typed() -> AsyncIterable[cls]:
            for event in every_event(cls):
                yield event

        def sync_typed() -> Iterable[cls]:
            yield from every_event(cls)

        async def among_items() -> AsyncIterable[Item]:
            yield Item(name="before")
            for event in every_event(cls):
                yield event

        for path, endpoint in {
            "/": untyped, "/typed": typed, "/sync": sync_typed, "/items": among_items,
        }.items():  # fmt: skip
            app.get(path, response_class=sse.EventSourceResponse)(endpoint)

    add(f"events of {name}", declare, *map(get, ("/", "/typed", "/sync", "/items")), newest=True)


@row(get(), get("/typed"))
def events_of_all_origins_mixed_with_items(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def untyped():
        for cls in (*ORIGINS.values(), sse.ServerSentEvent):
            yield cls(data=1, event="e")
            yield {"between": [1]}

    @app.get("/typed", response_class=sse.EventSourceResponse)
    def typed() -> Iterable[Item | sse.ServerSentEvent]:
        for cls in (*ORIGINS.values(), sse.ServerSentEvent):
            yield cls(data=1)
        yield Item(name="a")


@row(get(), newest=True)  # for NaN
def values_without_a_declared_type(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def stream():
        yield from_all()
        yield None
        yield b"bytes"
        yield "text"
        yield Decimal("1.10")
        yield timedelta(seconds=90)
        yield datetime(2026, 1, 2, tzinfo=UTC)
        yield float("nan")
        yield {"inf": [float("inf")], None: 1, True: 2}
        yield {1}
        yield (1, (2,))
        yield Colour.RED
        yield Point(1)


def from_all():
    return [items[0] for name, (_, items) in TYPES.items() if name != "a model from attributes"]


@row(post("/", json={"kind": "k", "payload": {"name": "a"}}))
def what_comes_in_goes_out(app, sse, trace):
    @app.post("/", response_class=sse.EventSourceResponse)
    async def echo(envelope: Envelope[Open]) -> AsyncIterable[Envelope[Open]]:
        yield envelope
        yield envelope.model_copy(update={"kind": "copied"})


@row(get())
def one_object_changed_between_events(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def stream() -> AsyncIterable[Item]:
        item = Item(name="0")
        for number in range(3):
            item.name = str(number)
            yield item


@row(get(), get("/sync"))
def many_events(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def stream() -> AsyncIterable[int]:
        for number in range(2000):
            yield number

    @app.get("/sync", response_class=sse.EventSourceResponse)
    def sync_stream() -> Iterable[int]:
        yield from range(2000)


@row(get(), newest=True)
def a_large_event(app, sse, trace):
    @app.get("/", response_class=sse.EventSourceResponse)
    async def stream():
        yield "x" * 300_000
        yield sse.ServerSentEvent(raw_data="line\n" * 20_000)
