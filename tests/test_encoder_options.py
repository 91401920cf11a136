"""The options of `Encoder`: dialects, what of an item is written, and line separators."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastapi.encoders
import pytest
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_serializer

from eventwire import Encoder, ServerSentEvent

SEPARATORS = "\x85\u2028\u2029"
ESCAPED = "\\u0085\\u2028\\u2029"


class Item(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = Field("a", serialization_alias="theName")
    note: str | None = None
    when: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    count: int = 1


OPTIONS: list[dict[str, Any]] = [
    {},
    {"by_alias": False},
    {"exclude_none": True},
    {"exclude_unset": True},
    {"exclude_defaults": True},
    {"include": {"name", "when"}},
    {"exclude": {"name": True}},
    {"exclude": {"when"}, "by_alias": False, "exclude_none": True},
]


def frame(text: str) -> bytes:
    return f"data: {text}\n\n".encode()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_options_of_a_compact_encoder_are_those_of_dump_json(options):
    """The frame holds what `TypeAdapter.dump_json` gives for the same options."""
    item = Item(count=2, extra=None, more=[1.0])
    text = TypeAdapter(Item).dump_json(item, **{"by_alias": True, **options}).decode()
    assert Encoder(Item, **options).encode(item) == frame(text)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_options_of_a_spaced_encoder_are_those_of_dump_python(options):
    """The frame holds what `json.dumps` gives for the dumped item."""
    item = Item(count=2, extra=None, more=[1.0])
    dumped = TypeAdapter(Item).dump_python(item, mode="json", **{"by_alias": True, **options})
    text = json.dumps(jsonable_encoder(dumped))
    assert Encoder(Item, dialect="spaced", **options).encode(item) == frame(text)


@pytest.mark.parametrize(
    "value", [{"ä": [1, 1e-5, float("nan")]}, Item(), datetime(2026, 1, 2, tzinfo=UTC)]
)
def test_a_spaced_encoder_without_a_type_writes_what_fastapi_writes(value):
    """It is the encoder of a FastAPI route without a declared type."""
    text = json.dumps(jsonable_encoder(value)).replace("NaN", "null")
    assert Encoder(dialect="spaced").encode(value) == frame(text)


def test_a_spaced_encoder_writes_event_data_as_fastapi_does():
    """A model writes itself, compact, anything else is spaced."""
    encoder = Encoder(dialect="spaced")
    assert encoder.encode(ServerSentEvent(data={"a": 1})) == frame('{"a": 1}')
    data = Item(when=datetime(2026, 1, 2, 3, tzinfo=UTC))
    assert encoder.encode(ServerSentEvent(data=data)) == frame(data.model_dump_json())


def test_an_unknown_dialect_is_refused():
    """The error names the option and what it may be."""
    with pytest.raises(ValueError, match="dialect must be 'compact' or 'spaced', not \"wide\""):
        Encoder(dialect="wide")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("include", {"a"}),
        ("exclude", {"a"}),
        ("by_alias", False),
        ("exclude_unset", True),
        ("exclude_defaults", True),
        ("exclude_none", True),
    ],
)
def test_what_applies_to_declared_types_needs_one(name, value):
    """The error names the option and says what to do."""
    with pytest.raises(TypeError, match=f"{name} applies to items of a declared type"):
        Encoder(**{name: value})


def test_an_unknown_option_is_refused():
    """As any Python function does it."""
    with pytest.raises(TypeError, match="exclude_all"):
        Encoder(Item, exclude_all=True)


def test_the_spaced_dialect_needs_fastapi():
    """Without FastAPI the error says what to install; the compact dialect goes without."""
    code = """
import sys
sys.modules["fastapi.encoders"] = None
from eventwire import Encoder
assert Encoder().encode(1) == b"data: 1\\n\\n"
try:
    Encoder(dialect="spaced")
except ModuleNotFoundError as error:
    assert "pip install eventwire[fastapi]" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class Custom(BaseModel):
    text: str = SEPARATORS
    pretty: str = Field(SEPARATORS, serialization_alias="k" + SEPARATORS)

    @field_serializer("text")
    def _text(self, value: str) -> str:
        return value + "!"


class Keys(BaseModel):
    inner: dict[str, Any] = {SEPARATORS: [SEPARATORS]}
    pretty: str = Field("x", serialization_alias="k" + SEPARATORS)


@dataclass
class Point:
    label: str = SEPARATORS


@pytest.mark.parametrize(
    ("item_type", "item"),
    [
        (None, SEPARATORS),
        (None, {SEPARATORS: [SEPARATORS, 1]}),
        (None, Keys()),
        (None, Custom()),
        (None, Point()),
        (None, {1: SEPARATORS}),
        (None, ServerSentEvent(data=SEPARATORS)),
        (None, ServerSentEvent(data=Custom())),
        (str, SEPARATORS),
        (Keys, Keys()),
        (Custom, Custom()),
        (list[Custom], [Custom()]),
        (Point, Point()),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("dialect", ["compact", "spaced"])
def test_line_separators_may_be_escaped_in_json(dialect, item_type, item):
    """The three are written as escapes wherever they stand; nothing else changes."""
    plain = Encoder(item_type, dialect=dialect).encode(item).decode()
    safe = Encoder(item_type, dialect=dialect, escape_line_separators=True).encode(item).decode()
    for separator, escape in zip(SEPARATORS, ESCAPED.split("\\")[1:], strict=True):
        plain = plain.replace(separator, "\\" + escape)
    assert safe == plain
    assert len(safe.splitlines()) == 2


def test_line_separators_in_other_fields_stay():
    """Only JSON can say a character in another way."""
    event = ServerSentEvent(raw_data=SEPARATORS, event=SEPARATORS, id=SEPARATORS)
    assert Encoder(escape_line_separators=True).encode(event) == Encoder().encode(event)


class Oid:
    def __str__(self) -> str:
        return "oid"


def test_encoders_that_an_application_registers_with_fastapi_are_used(monkeypatch):
    """`fastapi.encoders.ENCODERS_BY_TYPE` is looked up for every value, as FastAPI does it."""
    encoder = Encoder(dialect="spaced")
    table = fastapi.encoders.ENCODERS_BY_TYPE
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    values = [moment, Decimal("1.50"), {"deep": [moment]}, Oid()]

    def written():
        return [encoder.encode(value) for value in values]

    def expected():
        return [frame(json.dumps(jsonable_encoder(value))) for value in values]

    assert written() == expected()
    monkeypatch.setitem(table, datetime, lambda value: value.strftime("%d.%m."))
    monkeypatch.setitem(table, Decimal, str)
    monkeypatch.setitem(table, Oid, str)
    assert written() == expected()
    assert written()[0] == frame('"02.01."')
    assert written()[3] == frame('"oid"')
    monkeypatch.setitem(table, Oid, lambda _: {"o": 1})
    monkeypatch.delitem(table, datetime)
    assert written()[1:2] + written()[3:] == expected()[1:2] + expected()[3:]
