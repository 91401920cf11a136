"""`Encoder`: one item, one frame, with the JSON that Pydantic writes."""

import enum
import json
import threading
import uuid
from collections import Counter, OrderedDict, UserDict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pydantic
import pydantic_core
import pytest
from fastapi.sse import ServerSentEvent as FastAPIEvent
from fastapi.sse import format_sse_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict

from eventwire import Encoder, ServerSentEvent


class Item(BaseModel):
    name: str
    price: float = 1.5
    tags: list[str] = []


class Rich(Item):
    secret: str = "hidden"


class Aliased(BaseModel):
    model_config = ConfigDict(
        alias_generator=pydantic.AliasGenerator(serialization_alias=to_camel), populate_by_name=True
    )
    first_name: str = "Ada"
    inner: "Aliased | None" = None
    other: int = Field(default=1, alias="o", serialization_alias="öther")


class Odd(BaseModel):
    model_config = ConfigDict(extra="allow", ser_json_timedelta="float", ser_json_bytes="base64")
    took: timedelta = timedelta(seconds=1.5)
    raw: bytes = b"\xff\x00"
    excluded: int = Field(default=1, exclude=True)

    @pydantic.computed_field
    @property
    def double(self) -> float:
        return self.took.total_seconds() * 2

    @pydantic.field_serializer("took", when_used="json-unless-none")
    def _took(self, value: timedelta) -> str:
        return f"{value.total_seconds()} s"


class Own(RootModel[int]):
    @pydantic.model_serializer
    def _whole(self) -> dict[str, Any]:
        return {"the value": self.root}


class Trimmed(BaseModel):
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def _trim(cls, name: str) -> str:
        return name.strip()


class Constants(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    value: float


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: tuple[str, ...] = ()


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


class Colour(enum.Enum):
    RED = "red"
    DEEP = ("a", 1)


@dataclass
class Point:
    x: int
    y: float = 0.5
    names: list[str] = field(default_factory=list)


class Pair(NamedTuple):
    left: int
    right: str


class Movie(TypedDict, total=False):
    title: str
    year: int


Untyped = namedtuple("Untyped", "a b")  # noqa: PYI024  # such as people have
WHEN = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
EAST = timezone(timedelta(hours=5, minutes=30))
NASTY = ' "\\/\b\f\n\r\t\x00\x1f\x7f\x85 ü€🎈\u2028\u2029\ufeff</script>'
FLOATS = [0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 1e17, 1e21, 1e22, 1e-5, 1e-6, 1e-7, 5e-324]
FLOATS += [1.7976931348623157e308, 123456789.123456789, float("inf"), float("-inf"), float("nan")]

TYPED = [
    *((int, value) for value in (0, -1, 2**63, -(2**63), 2**64, 10**30)),
    *((float, value) for value in FLOATS),
    *((str, value) for value in ("", "x", NASTY, NASTY * 1000, "\r\n")),
    *((bool, value) for value in (True, False)),
    (None.__class__, None),
    (int, "5"),
    (float, 3),
    (str | int, "5"),
    (int | None, None),
    (Any, Item(name="any")),
    (object, {"a": 1}),
    (bytes, b"bytes \xc3\xbc"),
    (Decimal, Decimal("1.50")),
    (datetime, WHEN),
    (datetime, WHEN.astimezone(EAST)),
    (datetime, WHEN.replace(tzinfo=None)),
    (date, WHEN.date()),
    (time, time(1, 2, 3)),
    (timedelta, timedelta(days=-1, microseconds=5)),
    (uuid.UUID, uuid.UUID(int=5)),
    (Colour, Colour.RED),
    (Colour, "red"),
    (PurePosixPath, PurePosixPath("/a b")),
    (IPv4Address, IPv4Address("127.0.0.1")),
    (pydantic.SecretStr, pydantic.SecretStr("hush")),
    (Item, Item(name=NASTY)),
    (Item, Item(name="n", price=float("nan"))),
    (Item, {"name": "from a dict", "price": "2"}),
    (Item, Rich(name="cut")),
    (pydantic.SerializeAsAny[Item], Rich(name="not cut")),
    (list[Item], [Rich(name="cut"), {"name": "d"}]),
    (Item | None, Rich(name="cut")),
    (Aliased, Aliased(inner=Aliased())),
    (Odd, Odd(more={"a": WHEN})),
    (Own, Own(5)),
    (Trimmed, Trimmed.model_construct(name="  kept, the instance is not validated again ")),
    (Trimmed, {"name": "  trimmed  "}),
    (Constants, Constants(value=float("nan"))),
    (Box[int], Box[int](content=1)),
    (Box[Item], Box[Item](content=Rich(name="cut"))),
    (Tree, Tree(name="a", children=[Tree(name="b"), Tree(name="c")])),
    (RootModel[list[int]], RootModel[list[int]]([1, 2])),
    (Annotated[Cat | Dog, pydantic.Discriminator("kind")], Dog(tricks=("sit",))),
    (Annotated[Cat | Dog, pydantic.Discriminator("kind")], {"kind": "cat", "lives": 1}),
    (Annotated[int, pydantic.PlainSerializer(lambda value: f"<{value}>")], 5),
    (Point, Point(1)),
    (Pair, Pair(1, "r")),
    (Movie, {"title": "M"}),
    (dict[str, Item], {"k": Rich(name="cut")}),
    (dict[int | None, float], {1: 0.5, None: 1e16}),
    (dict[tuple[int, int], bool], {(1, 2): True}),
    (dict[bool, int], {True: 1}),
    (dict[float, int], {float("nan"): 1, 1e16: 2}),
    (list[float], FLOATS),
    (tuple[int, str], (1, "a")),
    (set[int], {1}),
    (frozenset[str], frozenset({"a"})),
    (deque[int], deque([1, 2])),
]

UNTYPED = [
    None, True, False, 0, -1, 2**64, 10**30, *FLOATS, "", NASTY, b"", bytearray(b"bytes"),
    [], {}, (), set(), [1, [2, [None]]], (1, "a"), {1}, frozenset({"a"}), deque([1]),
    {"ü": 1, "": None}, {1: 2, None: 3, False: 4, 1.5: 5, (1, 2): 6}, {float("nan"): 1},
    {Colour.RED: 1, WHEN: 2, uuid.UUID(int=1): 3}, OrderedDict(b=1, a=2), Counter("aab"),
    Decimal("1.50"), WHEN, WHEN.astimezone(EAST), WHEN.replace(tzinfo=None), WHEN.date(), time(1),
    timedelta(days=-1, microseconds=5), uuid.UUID(int=5), Colour.RED, Colour.DEEP,
    PurePosixPath("/a b"), IPv4Address("127.0.0.1"), pydantic.SecretStr("hush"),
    Point(1, float("inf")), Pair(1, "r"), Untyped(1, 2), Item(name="n"), Rich(name="whole"),
    [Aliased(inner=Aliased())], Odd(more={"a": WHEN}), Own(5), Constants(value=float("nan")),
    Box[Item](content=Rich(name="r")), Tree(name="a", children=[Tree(name="b")]),
    RootModel[list[int]]([1]), (n for n in ()), Point, str.upper,
]  # fmt: skip


def label(case):
    return repr(case).partition(" at 0x")[0][:50]


def outcome(function):
    """What a call gives: its result, or its exception's class and text."""
    try:
        return function()
    except Exception as error:
        return type(error), str(error)


@pytest.mark.newest
@pytest.mark.parametrize(("item_type", "item"), TYPED, ids=label)
def test_a_typed_item_is_written_as_its_type(item_type, item):
    """The frame is the JSON that a `TypeAdapter` of the type writes for the validated item."""
    adapter = TypeAdapter(item_type)
    value = adapter.validate_python(item)
    expected = format_sse_event(data_str=adapter.dump_json(value, by_alias=True).decode())
    assert Encoder(item_type).encode(item) == expected
    assert Encoder(item_type=item_type).encode(item) == expected


@pytest.mark.parametrize("item", UNTYPED, ids=label)
def test_an_untyped_item_is_compact_json(item):
    """The frame is what `pydantic_core.to_json` writes, or its error."""

    def expected():
        text = pydantic_core.to_json(item, by_alias=True, inf_nan_mode="null")
        return b"data: " + text + b"\n\n"

    assert outcome(lambda: Encoder().encode(item)) == outcome(expected)


@pytest.mark.parametrize("make", [ServerSentEvent, FastAPIEvent], ids=["ours", "theirs"])
@pytest.mark.parametrize("item", UNTYPED[1:], ids=label)
def test_the_data_of_an_event_is_compact_json_too(item, make):
    """An event's payload is written as the plain item is."""
    event = make(data=item)
    assert outcome(lambda: Encoder().encode(event)) == outcome(lambda: Encoder().encode(item))


@pytest.mark.parametrize("item", [NASTY, {"ü": NASTY}, "\r\n\r\ndata: forged", [NASTY] * 3])
def test_json_is_one_line(item):
    """A line end inside a text is escaped: the payload is one `data` line."""
    frame = Encoder().encode(item)
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    assert b"\r" not in frame
    assert frame.count(b"\n") == 2
    assert json.loads(frame.removeprefix(b"data: ")) == item


def test_json_of_a_serializer_may_have_lines():
    """JSON that is not on one line is split, so that it cannot end the event."""

    class Pretty(BaseModel):
        def model_dump_json(self, **_: Any) -> str:
            return "{\n}\r[\r\n]"

    event = ServerSentEvent(data=Pretty(), event="e")
    frame = Encoder(dialect="spaced").encode(event)
    assert frame == b"event: e\ndata: {\ndata: }\ndata: [\ndata: ]\n\n"


def test_attributes_are_read_as_fastapi_reads_them():
    """An object that only has the attributes fits a declared model."""

    class Row:
        name = "row"
        price = 2

    assert Encoder(Item).encode(Row()) == b'data: {"name":"row","price":2.0,"tags":[]}\n\n'


@pytest.mark.parametrize(
    "event",
    [ServerSentEvent(data={"no": "Item"}, event="e"), FastAPIEvent(data={"no": "Item"}, event="e")],
)
def test_an_event_among_typed_items_is_not_validated(event):
    """Items and events may be mixed: an event's data need not fit the declared type."""
    assert Encoder(Item).encode(event) == b'event: e\ndata: {"no":"Item"}\n\n'


def test_an_item_that_does_not_fit_raises_pydantics_error():
    """The error is the one of the `TypeAdapter`, and the encoder is as good as before."""
    encoder = Encoder(list[Item])
    with pytest.raises(ValidationError) as ours:
        encoder.encode([{"name": 1}, {}])
    with pytest.raises(ValidationError) as theirs:
        TypeAdapter(list[Item]).validate_python([{"name": 1}, {}])
    assert ours.value.errors() == theirs.value.errors()
    assert encoder.encode([]) == b"data: []\n\n"


@pytest.mark.parametrize("encoder", [Encoder(), Encoder(Any)], ids=["untyped", "typed"])
@pytest.mark.parametrize("item", [object(), [1, {"a": object()}], slice(1), UserDict()])
def test_an_item_without_json_raises_and_leaves_nothing(encoder, item):
    """The error is Pydantic's; the next frame starts clean."""
    with pytest.raises(PydanticSerializationError):
        encoder.encode(item)
    assert encoder.encode(1) == b"data: 1\n\n"


def test_an_exception_of_a_serializer_passes():
    """It arrives as Pydantic passes it on, also out of an event's data."""

    class Failing(BaseModel):
        @pydantic.model_serializer
        def _whole(self) -> Any:
            raise KeyError("mine")

    for item in (Failing(), ServerSentEvent(data=Failing(), comment="never seen")):
        expected = outcome(lambda: pydantic_core.to_json(Failing()))
        assert outcome(lambda item=item: Encoder().encode(item)) == expected


def test_a_loop_of_references_is_an_error():
    """A container that contains itself ends in Pydantic's error, not in a crash."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((ValueError, RecursionError)):
        Encoder().encode(loop)


def test_a_lone_surrogate_has_no_utf8():
    """JSON of a text that is not Unicode is refused."""
    for encoder in (Encoder(), Encoder(str)):
        with pytest.raises((PydanticSerializationError, ValidationError)):
            encoder.encode("\ud800")


def test_an_unknown_type_is_refused_when_the_encoder_is_made():
    """A type without a Pydantic schema is an error at once, not per item."""
    with pytest.raises(PydanticSchemaGenerationError):
        Encoder(threading.Barrier)


@pytest.mark.newest
def test_a_forward_reference_may_be_completed_later():
    """The model's schema is looked up when an item comes, not when the encoder is made."""

    class Late(BaseModel):
        child: "Unborn | None" = None  # noqa: F821  # defined below

    encoder = Encoder(Late)
    with pytest.raises(PydanticUserError):
        encoder.encode({"child": None})
    Late.model_rebuild(_types_namespace={"Unborn": Item})
    frame = Encoder(Late).encode({"child": {"name": "n"}})
    assert frame == b'data: {"child":{"name":"n","price":1.5,"tags":[]}}\n\n'
    assert encoder.encode({"child": {"name": "n"}}) == frame


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes()
trees = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(trees)
def test_any_tree_of_values_is_written_as_pydantic_does(item):
    """The twin is `pydantic_core.to_json` itself."""
    text = pydantic_core.to_json(item, by_alias=True, inf_nan_mode="null")
    assert Encoder().encode(item) == b"data: " + text + b"\n\n"


@pytest.mark.parametrize("item_type", [None, Item])
def test_threads_share_an_encoder(item_type):
    """Frames made in several threads at once are each what one thread makes."""
    encoder = Encoder(item_type)
    start = threading.Barrier(8)
    wrong: list[Any] = []

    def work(number: int) -> None:
        start.wait()
        for turn in range(500):
            name = f"{number}-{turn}" * (turn % 7)
            item = Item(name=name) if turn % 3 else ServerSentEvent(raw_data=name, id=name)
            text = Item(name=name).model_dump_json() if turn % 3 else f"{name}\nid: {name}"
            if encoder.encode(item) != f"data: {text}\n\n".encode():
                wrong.append(item)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
