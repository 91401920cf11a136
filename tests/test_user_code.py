"""What an application's own code does while a value is encoded, and how often it is asked."""

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import fastapi.encoders
import pydantic.dataclasses
import pydantic_core
import pytest
from fastapi.encoders import jsonable_encoder
from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    PrivateAttr,
    TypeAdapter,
    computed_field,
)
from typing_extensions import TypeAliasType

from eventwire import Encoder, ServerSentEvent

SPACED = Encoder(dialect="spaced")


def frame(text) -> bytes:
    return b"data: " + (text.encode() if isinstance(text, str) else text) + b"\n\n"


def spaced(value) -> bytes:
    return frame(json.dumps(jsonable_encoder(value)))


def compact(value) -> bytes:
    return frame(pydantic_core.to_json(value, by_alias=True, inf_nan_mode="null"))


class Calls:
    """Counts the calls of a serializer, which writes the count."""

    count: int  # annotated, because Pydantic 2.9 reads the annotations of a serializer

    def __init__(self):
        self.count = 0

    def __call__(self, _):
        self.count += 1
        return self.count


def counting():
    calls = Calls()

    class Counting(BaseModel):
        x: Annotated[int, PlainSerializer(calls)] = 0
        a: int = 1
        b: int = 2

    return calls, Counting


class Opaque:
    def __init__(self):
        self.z = 1


BESIDE = {
    "nothing": lambda model: model,
    "an opaque object": lambda model: [model, Opaque()],
    "a timedelta": lambda model: [model, timedelta(days=1)],
    "a time zone": lambda model: [model, datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))],
    "another key": lambda model: {"m": model, 1: 2},
    "itself": lambda model: [model, model],
    "a generator": lambda model: [model, (number for number in [1])],
}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("form", ["compact", "spaced"])
def test_a_serializer_runs_once_whatever_stands_beside_its_model(form, beside):
    """It may count, or use something up."""
    if (form, beside) == ("compact", "an opaque object"):
        beside = "itself"  # an error there
    encoder, judge = {"compact": (Encoder(), compact), "spaced": (SPACED, spaced)}[form]
    calls, model = counting()
    expected = judge(BESIDE[beside](model()))
    times, calls.count = calls.count, 0
    assert encoder.encode(BESIDE[beside](model())) == expected
    assert calls.count == times


@pytest.mark.parametrize("form", ["compact", "spaced", "typed", "data"])
def test_a_serializer_that_fails_runs_once(form):
    """Its error is the error; nothing asks it again."""
    calls = []

    def fail(value):
        calls.append(value)
        raise ValueError("no")

    class Failing(BaseModel):
        x: Annotated[int, PlainSerializer(fail)] = 0
        a: int = 1
        b: int = 2

    item = ServerSentEvent(data=Failing()) if form == "data" else Failing()
    encoder = {"compact": Encoder(), "typed": Encoder(Failing)}.get(form, SPACED)
    with pytest.raises(pydantic_core.PydanticSerializationError, match="ValueError: no"):
        encoder.encode(item)
    assert calls == [0]


def test_an_interrupt_in_a_serializer_is_what_it_is_to_pydantic():
    """Pydantic wraps it in an error; nothing asks again."""
    calls = []

    def interrupt(_):
        calls.append(1)
        raise KeyboardInterrupt

    class Interrupted(BaseModel):
        x: Annotated[int, PlainSerializer(interrupt)] = 0
        a: int = 1
        b: int = 2

    for encoder in (Encoder(), Encoder(Interrupted), SPACED):
        with pytest.raises(pydantic_core.PydanticSerializationError, match="KeyboardInterrupt"):
            encoder.encode(Interrupted())
    assert len(calls) == 3


def test_an_interrupt_while_an_attribute_is_looked_for_is_not_swallowed():
    """FastAPI asks the data of an event for `model_dump_json`."""

    class Data:
        def __getattr__(self, name):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SPACED.encode(ServerSentEvent(data=Data()))


def test_an_iterator_that_a_model_hides_is_read_once():
    """A private attribute is as good a place as any."""

    class Hiding(BaseModel):
        a: int = 1
        _it: Any = PrivateAttr(None)

        @computed_field
        @property
        def items(self) -> list[int]:
            return list(self._it)

    def made():
        model = Hiding()
        model._it = iter([1, 2])
        return {"m": model, "o": timedelta(days=1)}

    assert Encoder().encode(made()) == compact(made())
    assert SPACED.encode(made()) == spaced(made())


def test_a_serializer_may_encode_meanwhile():
    """What it encodes has nothing to do with what is being encoded."""

    def again(value):
        inner = counting()[1]
        return SPACED.encode({"inner": [inner(), value]}).decode()

    class Again(BaseModel):
        x: Annotated[int, PlainSerializer(again)] = 0
        y: Annotated[int, PlainSerializer(again)] = 1
        a: list[int] = [1]
        b: list[int] = [2]
        c: list[int] = [3]

    assert Encoder(Again).encode(Again()) == frame(Again().model_dump_json())
    assert SPACED.encode([Again(), 1]) == spaced([Again(), 1])


def in_a_new_process(code):
    """Run code in an interpreter where nothing was encoded yet; it prints ours, then theirs."""
    start = "import json, datetime, decimal, fastapi.encoders\nfrom pydantic import BaseModel\n"
    end = """
from eventwire import Encoder, ServerSentEvent
from fastapi.encoders import jsonable_encoder
print(repr(Encoder(dialect="spaced").encode(value).decode()))
print(repr(f"data: {json.dumps(jsonable_encoder(value))}\\n\\n"))
"""
    command = [sys.executable, "-c", start + code + end]
    text = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    ours, theirs = text.splitlines()
    assert ours == theirs


@pytest.mark.parametrize(
    "code",
    [
        """
fastapi.encoders.ENCODERS_BY_TYPE[datetime.datetime] = (
    lambda moment: moment.isoformat().replace("+00:00", "Z")
)
value = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
""",
        """
fastapi.encoders.ENCODERS_BY_TYPE[decimal.Decimal] = (
    lambda number: int(number) if number == number.to_integral_value() else float(number)
)
value = decimal.Decimal("2.00")
""",
        """
table = {**fastapi.encoders.ENCODERS_BY_TYPE, datetime.date: lambda _: "DATE"}
fastapi.encoders.ENCODERS_BY_TYPE = table
value = datetime.date(2024, 1, 1)
""",
        """
BaseModel.model_dump = lambda self, **_: {"patched": 1}
class Model(BaseModel):
    a: int = 1
value = Model()
""",
    ],
    ids=["datetime", "Decimal", "another table", "model_dump"],
)
def test_what_an_application_changes_before_its_first_event_counts(code):
    """Its encoders and patches are not taken for FastAPI's and Pydantic's own."""
    in_a_new_process(code)


def test_an_encoder_of_an_application_is_called_once_and_may_return_anything(monkeypatch):
    """What it returns is dumped as it is; what it raises passes."""
    calls = []
    table = fastapi.encoders.ENCODERS_BY_TYPE

    class Own:
        pass

    def encode(value):
        calls.append(value)
        return {"n": [len(calls), math.inf]}

    monkeypatch.setitem(table, Own, encode)
    monkeypatch.setitem(table, map, list)
    assert SPACED.encode([Own(), Own()]) == frame('[{"n": [1, null]}, {"n": [2, null]}]')
    assert SPACED.encode({"m": map(str, [1, 2])}) == frame('{"m": ["1", "2"]}')
    monkeypatch.setitem(table, Own, lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        SPACED.encode([Own()])


def test_an_alias_that_stands_for_itself_ends():
    """A value that does not fit is an error, as in Pydantic, and no endless loop."""
    alias = TypeAliasType("alias", "alias | None")  # type: ignore[misc]

    globals()["alias"] = alias
    try:
        model = type(
            "Model",
            (BaseModel,),
            {"__annotations__": {"x": alias}, "x": None, "__module__": __name__},
        )
        value = model()
        value.x = 3
        try:
            expected = frame(value.model_dump_json())
        except Exception as error:
            with pytest.raises(type(error)):
                Encoder(model).encode(value)
        else:
            assert Encoder(model).encode(value) == expected
    finally:
        del globals()["alias"]


class Configured(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings", ser_json_timedelta="float")
    x: Any = None
    f: float = 1.0


@pytest.mark.parametrize(
    "value",
    [
        Configured(x=math.inf),
        Configured(x=timedelta(days=1)),
        {"k": [Configured(x=[1, math.inf])]},
        [Configured(x=Configured(x=math.inf))],
    ],
    ids=repr,
)
def test_a_models_configuration_counts_wherever_it_stands(value):
    """For what it holds without a declared type, too."""
    assert Encoder().encode(value) == compact(value)
    typed = TypeAdapter(Any).dump_json(value)
    assert Encoder(Any).encode(value) == frame(typed)


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return 1 if instance is None else int(instance.__dict__[self.name])

    def __set__(self, instance, value):
        instance.__dict__[self.name] = value


@dataclass
class Described:
    x: int = Descriptor()


class Copied(Enum):
    ONE = 1
    TWO = 2

    def __deepcopy__(self, memo):
        return Copied.TWO


@dataclass
class HoldsEnum:
    e: Copied = Copied.ONE


@pytest.mark.parametrize("value", [Described("5"), HoldsEnum()], ids=repr)
def test_a_dataclass_is_asked_for_its_fields_as_any_object_is(value):
    """Descriptors answer, and `dataclasses.asdict` copies."""
    assert SPACED.encode(value) == spaced(value)
    assert Encoder().encode(value) == compact(value)


def test_a_subclass_does_not_take_the_plan_of_a_dataclass_away():
    """Both have the same schema, and are written in turn."""

    @pydantic.dataclasses.dataclass
    class Base:
        x: int = 1
        when: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    class Sub(Base):
        pass

    for value in [Base(), Sub(), Base(), Sub()]:
        assert SPACED.encode(value) == spaced(value)
        assert Encoder().encode(value) == compact(value)
        assert Encoder(Base).encode(value) == frame(TypeAdapter(Base).dump_json(value))


def test_decimals_of_an_application_are_written_as_fastapi_writes_them():
    """An int without a fraction, a float with one, whatever the zeros behind the point."""
    for text in ["1", "1.0", "2.00", "-0", "-0.0", "1E+2", "0.1", "12345678901234567890"]:
        assert SPACED.encode(Decimal(text)) == spaced(Decimal(text)), text
