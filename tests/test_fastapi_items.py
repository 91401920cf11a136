"""What a FastAPI route writes for its items and events, byte for byte."""

import enum
import json
import math
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Annotated, Any

import pytest
from fastapi import Body, Header
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

import twins

pytestmark = pytest.mark.newest


@pytest.fixture(scope="module", params=twins.COMBINATIONS)
def pair(request):
    with twins.served(request.param) as pair:
        yield pair


@pytest.fixture
def same(pair):
    return pair.same


class Item(BaseModel):
    model_config = ConfigDict(from_attributes=True, populate_by_name=True)
    name: str = Field(alias="theName")
    price: float = 1e16
    note: str | None = None
    took: timedelta = timedelta(seconds=90)
    inner: "Item | None" = None


class Rich(Item):
    secret: str = "hidden"


class Row:
    name = theName = "row"  # noqa: N815  # the alias
    price, note, took, inner = 2, None, timedelta(0), None


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float = math.inf


NASTY = 'a\r\nb\rc\nd \0 \x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029 \ufeff "quoted" <é🎈>'
WHEN = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
ITEMS = [
    Item(name="pen"),
    Item(name=NASTY, note="", inner=Item(name="inner", price=1e-7)),
    Rich(name="cut to the declared type"),
]
PLAIN = [
    *(None, True, False, 0, -1, 2**64, 10**40, 0.1, 1e16, 1e-7, -0.0, 5e-324, 1.5e300),
    *(math.nan, math.inf, -math.inf, "", "x", NASTY, b"", b"bytes \xc3\xbc"),
    *([], {}, (), [1, [2.5, [None]]], (1, "a"), {1}, frozenset({"a"}), deque([1, 2])),
    *({1: 2}, {None: 1}, {True: 1}, {1.5: 1}, {"é": {"a": [math.nan]}}, {math.nan: 1}),
    *(Decimal("1.50"), Decimal(7), WHEN, WHEN.replace(tzinfo=None), date(2026, 1, 2)),
    *(timedelta(seconds=90.5), timedelta(-1), uuid.UUID(int=5), Colour.RED, Point(1)),
    *(PurePosixPath("/a b"), IPv4Address("127.0.0.1"), {2: {3}}),
    *(ITEMS[1], ITEMS, {"item": ITEMS[2]}, [Point(2, math.nan)], [WHEN, Decimal("0.1"), b"x"]),
]
FIELDS = [
    {}, {"comment": "c"}, {"comment": ""}, {"comment": NASTY}, {"event": ""}, {"event": "é \u2028"},
    {"id": ""}, {"id": "1"}, {"retry": 0}, {"retry": 10**30}, {"retry": "5"}, {"retry": True},
    {"raw_data": ""}, {"raw_data": NASTY}, {"raw_data": "\n"}, {"raw_data": "\r\n\r\n"},
    {"raw_data": "[DONE]"}, {"raw_data": "a\n"}, {"raw_data": "<p>html</p>", "event": b"bytes"},
    {"comment": "c", "event": "e", "data": [1], "id": "i", "retry": 3},
    {"retry": 3, "id": "i", "raw_data": "a\nb", "event": "e", "comment": "c\rd"},
]  # fmt: skip


def fits(annotation: Any, value: Any) -> bool:
    adapter = TypeAdapter(annotation)
    try:
        adapter.dump_json(adapter.validate_python(value, from_attributes=True))
    except ValueError:
        return False
    return True


def annotated(kind: Any, item: Any) -> Any:
    return kind[item, None] if kind is AsyncGenerator else kind[item]


@pytest.mark.parametrize("kind", [AsyncIterable, AsyncIterator, AsyncGenerator])
def test_typed_items_of_an_async_generator(same, kind):
    """They are validated, cut to the declared type and written with their aliases."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> annotated(kind, Item):
            for item in ITEMS:
                yield item
            yield {"theName": "from a dict", "price": "2"}
            yield Row()

    reply = same(routes)
    assert b'data: {"theName":"pen","price":1e+16,' in reply.body
    assert b"hidden" not in reply.body
    assert b'"theName":"row"' in reply.body


@pytest.mark.parametrize("annotation", [Iterable[Item], Generator[Item, None, None]])
def test_typed_items_of_a_sync_generator(same, annotation):
    """A plain `def` with `yield` is the same stream."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        def stream() -> annotation:
            yield from ITEMS
            yield Row()

    assert same(routes).body.count(b"\n\n") == 4


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:40])
def test_an_untyped_value(same, value):
    """It is written by way of `jsonable_encoder`: async, sync, and as the data of an event."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def plain():
            yield value

        @app.get("/sync", response_class=sse.EventSourceResponse)
        def sync():
            yield value

        @app.get("/event", response_class=sse.EventSourceResponse)
        async def event() -> AsyncIterable[sse.ServerSentEvent]:
            yield sse.ServerSentEvent(data=value, event="e")

    plain = same(routes).body
    assert plain.startswith(b"data: ")
    assert same(routes, "/sync").body == plain
    assert same(routes, "/event").body.startswith(b"event: e\n")


@pytest.mark.parametrize("annotation", [float, Any, dict[Any, Any], Item | None, list[Item], str])
def test_other_declared_types(same, annotation):
    """Any type that Pydantic has a schema for can be declared."""
    values = [value for value in PLAIN if fits(annotation, value)]
    assert len(values) > 1

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[annotation]:
            for value in values:
                yield value

    assert same(routes).body.count(b"\n\n") == len(values)


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_events_of_every_kind(same, sync):
    """Comment, event, data, raw data, id and retry are written in FastAPI's order."""

    def routes(app, sse):
        def events() -> Iterable[sse.ServerSentEvent]:
            for fields in FIELDS:
                yield sse.ServerSentEvent(**fields)
            for value in (ITEMS[1], ITEMS[2], ITEMS, {"a": ITEMS[0]}, 0, False, "", None, NASTY):
                yield sse.ServerSentEvent(data=value, id="x")

        async def async_events() -> AsyncIterable[sse.ServerSentEvent]:
            for event in events():
                yield event

        declare = app.get("/", response_class=sse.EventSourceResponse)
        declare(events if sync else async_events)

    assert b": c\nevent: e\ndata: [1]\nid: i\nretry: 3\n\n" in same(routes).body


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
def test_items_and_events_mixed(same, typed):
    """Events among typed items are not validated against the type."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[Item] if typed else None:
            yield ITEMS[0]
            yield sse.ServerSentEvent(data={"no": "Item"}, event="other")
            yield ITEMS[2]
            yield sse.ServerSentEvent(comment="end")

    body = same(routes).body
    assert b'event: other\ndata: {"no": "Item"}\n\n' in body
    assert (b"hidden" in body) is not typed


@pytest.mark.parametrize("last", [None, "0", "2", "x", "é".encode().decode("latin-1")])
def test_last_event_id(same, last):
    """The header arrives, and a wrong one is a 422 as ever."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream(
            last_event_id: Annotated[int | None, Header()] = None,
        ) -> AsyncIterable[sse.ServerSentEvent]:
            for number in range((last_event_id or 0) + 1, 5):
                yield sse.ServerSentEvent(data=number, id=str(number))

    valid = last is None or last.isdigit()
    headers = "" if last is None else f"last-event-id: {last}\r\n"
    same(routes, headers=headers, status=200 if valid else 422)


@pytest.mark.parametrize("text", ["a few words", "", NASTY, "word " * 2000])
def test_a_chat_over_post(same, text):
    """The body is read, the tokens follow, `[DONE]` is the end."""

    def routes(app, sse):
        @app.post("/chat", response_class=sse.EventSourceResponse)
        async def chat(
            text: Annotated[str, Body(embed=True)],
        ) -> AsyncIterable[sse.ServerSentEvent]:
            for number, word in enumerate(text.split(" ")):
                yield sse.ServerSentEvent(data={"delta": word}, id=str(number), event="token")
            yield sse.ServerSentEvent(raw_data="[DONE]")

    request = {"method": "POST", "headers": "content-type: application/json\r\n"}
    reply = same(routes, "/chat", body=json.dumps({"text": text}).encode(), **request)
    assert reply.body.endswith(b"\n\ndata: [DONE]\n\n")
    same(routes, "/chat", body=b"{", status=422, **request)


OPTIONS = [
    {"response_model_include": {"name", "inner"}},
    {"response_model_exclude": {"name": True, "inner": {"price"}}},
    {"response_model_by_alias": False},
    {"response_model_exclude_none": True},
    {"response_model_exclude_unset": True},
    {"response_model_exclude_defaults": True},
    {"response_model_exclude_none": True, "response_model_by_alias": False},
    {"response_model": Rich},
    {"response_model": None},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
def test_response_model_options(same, options, typed):
    """The options of the decorator act on typed items, and on nothing else."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse, **options)
        async def stream() -> AsyncIterable[Item] if typed else None:
            for item in ITEMS:
                yield item
            yield sse.ServerSentEvent(data=ITEMS[1])

    same(routes)


@pytest.mark.parametrize("annotation", [None, list[Item], Iterable[Item], "untyped"])
def test_a_plain_function_that_returns_an_iterable(same, annotation):
    """Without `yield` the result is streamed all the same, and its type is not applied."""

    def routes(app, sse):
        def give():
            return [*ITEMS, 1.5, "x", sse.ServerSentEvent(data=ITEMS[0], event="e")]

        if annotation != "untyped":
            give.__annotations__["return"] = annotation
        app.get("/", response_class=sse.EventSourceResponse)(give)

    assert b"hidden" in same(routes).body


class OldSequence:
    """Iterable by `__getitem__` alone, as `iter()` accepts it."""

    def __getitem__(self, index):
        return [1, 2][index]


@pytest.mark.parametrize("returned", [OldSequence(), {"a": 1}, {2}], ids=type)
def test_a_plain_function_may_return_whatever_can_be_iterated(same, returned):
    """All that `iter()` takes is streamed item by item, as FastAPI streams it."""

    def routes(app, sse):
        app.get("/", response_class=sse.EventSourceResponse)(lambda: returned)

    assert same(routes).body.count(b"data: ") == len(list(returned))


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
def test_an_empty_stream(same, sync):
    """A generator that yields nothing is an answer with no bytes, whole."""

    def routes(app, sse):
        def nothing() -> Iterable[Item]:
            yield from ()

        async def async_nothing() -> AsyncIterable[Item]:
            return
            yield

        app.get("/", response_class=sse.EventSourceResponse)(nothing if sync else async_nothing)

    assert same(routes).body == b""


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
def test_one_huge_event(same, typed):
    """A megabyte in one event arrives as one event, between small ones."""
    huge = Item(name="é\u2028" * 250_000)

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[Item] if typed else None:
            yield ITEMS[0]
            yield huge
            yield sse.ServerSentEvent(raw_data=huge.name, comment="raw")
            yield ITEMS[0]

    body = same(routes).body
    assert len(body) > 2_000_000
    assert body.count(b"\n\n") == 4


def test_many_small_events(same):
    """Ten thousand events come in their order, none missing."""

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream():
            for number in range(10_000):
                yield number

    expected = b"".join(b"data: %d\n\n" % number for number in range(10_000))
    assert same(routes).body == expected


def test_a_model_with_a_forward_reference(same):
    """A declared type may be completed after its route."""

    def routes(app, sse):
        class Late(BaseModel):
            child: "Unborn | None" = None  # noqa: F821  # defined below

        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream() -> AsyncIterable[Late]:
            yield {"child": {"theName": "n"}}

        Late.model_rebuild(_types_namespace={"Unborn": Item})

    assert b'{"child":{"theName":"n"' in same(routes).body
