"""Items of a declared type, of every kind and with every option, are written as ever.

The judge is what FastAPI does for each item: its field's `validate`, then `serialize_json`. Bytes,
errors and warnings are compared, in number and text.
"""

import dataclasses
import functools
import operator

import pytest
from fastapi.exceptions import ResponseValidationError
from pydantic import Field, TypeAdapter, create_model
from typing_extensions import TypedDict

import oracle
from corpus_classes import DAY
from corpus_instances import SPOILERS, spoilt
from corpus_types import MODELS, TYPES, Once, fresh
from corpus_values import VALUES
from eventwire import Encoder
from oracle import Leaf, frame, outcome
from oracle_typed import CHOSEN, DEFAULT, FLAGS, Judge

FEW = [FLAGS[0], DEFAULT, FLAGS[-1]]


def holder(annotation, **keywords):
    return create_model("Holder", f=(annotation, Field(**keywords)), last=(int, 1))


def in_model(cls, value):
    """Return an instance with a value that nobody has checked."""
    return cls.model_construct(f=value)


# Where a type may stand: the type around it, and how a value gets into a value of that.
PLACES = {
    "itself": (lambda t, _: t, lambda cls, value: value),
    "list": (lambda t, _: list[t], lambda cls, value: [value, value]),
    "dict": (lambda t, _: dict[str, t], lambda cls, value: {"k": value}),
    "tuple": (lambda t, _: tuple[t, int], lambda cls, value: (value, 1)),
    "or None": (lambda t, _: t | None, lambda cls, value: value),
    "or another": (lambda t, _: operator.or_(Leaf, t), lambda cls, value: value),
    "field": (lambda t, _: holder(t), in_model),
    "field with a default and an alias": (
        lambda t, default: holder(t, default=default, serialization_alias="_é\n"),
        in_model,
    ),
    "field of a field": (
        lambda t, _: create_model("Outer", f=(holder(t), ...), last=(Leaf, Leaf())),
        lambda cls, value: in_model(cls, in_model(cls.model_fields["f"].annotation, value)),
    ),
    "field of a list": (
        lambda t, _: create_model("Many", f=(list[t], ...), last=(int, 1)),
        lambda cls, value: in_model(cls, [value]),
    ),
    "field of a dataclass": (
        lambda t, _: dataclasses.make_dataclass("Data", [("f", t), ("last", int, 1)]),
        lambda cls, value: cls(value),
    ),
    "field of a dict": (
        lambda t, _: TypedDict("Typed", {"f": t, "last": int}, total=False),
        lambda cls, value: {"f": value},
    ),
}


@functools.cache
def placed(kind, place):
    """Return the judge of a type in a place, and what puts values there."""
    around, put = PLACES[place]
    annotation, values = TYPES[kind]
    cls = around(annotation, None if isinstance(values[0], Once) else values[0])
    return Judge(cls), functools.partial(put, cls)


def found_in(kind, place, values, options_table):
    """Return the differences of some values of a type in a place."""
    judge, put = placed(kind, place)
    found = []
    for value in values:
        make = lambda value=value: put(fresh(value))  # noqa: E731
        found += [(place, *each) for each in judge.differences(make, options_table)]
    return found


@pytest.mark.newest
@pytest.mark.parametrize("kind", TYPES)
def test_an_item_is_written_as_ever_with_every_option(kind):
    """Flags in all combinations, and what is included or excluded: of the item and of a field."""
    _, values = TYPES[kind]
    found = found_in(kind, "itself", values, FLAGS + CHOSEN)
    found += found_in(kind, "field", values, FLAGS + CHOSEN)
    found += found_in(kind, "field with a default and an alias", values, FLAGS)
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", TYPES)
def test_a_type_is_written_as_ever_wherever_it_stands(kind):
    """In containers, unions, dataclasses, TypedDicts and models of models."""
    _, values = TYPES[kind]
    found = []
    for place in PLACES:
        found += found_in(kind, place, values, FEW)
    assert found == []


# Values that hardly any type takes; a part of them all, for the sake of time.
ILL = [make for name, make in VALUES.items() if "levels" not in name][::4]
FITTING = [values[0] for _, values in TYPES.values()]


@pytest.mark.newest
@pytest.mark.parametrize("kind", TYPES)
def test_a_value_that_does_not_fit_is_refused_or_written_as_ever(kind):
    """The same validation error of the response, or the same warnings and bytes."""
    values = [Once(make) for make in ILL]
    values += FITTING[::3]
    found = found_in(kind, "itself", values, [DEFAULT])
    found += found_in(kind, "field", values, [DEFAULT])
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("spoiler", SPOILERS)
def test_a_spoilt_instance_is_written_as_ever(kind, spoiler):
    """Whatever was done to an instance, with every flag."""
    _, values = TYPES[kind]
    judge, _ = placed(kind, "itself")
    cls = type(values[0])
    make = lambda: spoilt(lambda: cls.model_copy(values[0]), spoiler)  # noqa: E731
    assert judge.differences(make, FLAGS[::5] + CHOSEN[:2]) == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", TYPES)
def test_the_encoder_of_a_type_needs_no_fastapi(kind):
    """`Encoder(T)` writes what a `TypeAdapter` of the type writes, and raises its errors."""
    annotation, values = TYPES[kind]
    adapter, encoder = TypeAdapter(annotation), Encoder(annotation)

    def theirs(value):
        taken = adapter.validate_python(value, from_attributes=True)
        return frame(adapter.dump_json(taken, by_alias=True))

    found = []
    for value in [*values, object(), DAY, {"n": "x"}, Leaf.model_construct(n="x")]:
        expected = outcome(lambda value=value: theirs(fresh(value)))
        for _ in range(2):
            given = outcome(lambda value=value: encoder.encode(fresh(value)))
            found += [(value, given, expected)] if given != expected else []
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", TYPES)
def test_a_model_with_a_field_of_any_type_needs_no_declared_type(kind):
    """As an untyped item, as the data of an event, in a dict, in a list; well-typed or not."""
    model = holder(TYPES[kind][0])
    found = []
    for value in [*TYPES[kind][1], *(Once(make) for make in ILL[::9])]:
        for put in (lambda m: m, lambda m: {"chunk": m, "more": [m, (m,)]}):
            found += oracle.untyped_differences(
                lambda value=value, put=put: put(in_model(model, fresh(value)))
            )
    assert found == []


@pytest.mark.newest
def test_types_of_equal_names_are_told_apart():
    """Encoders of classes of one name, interleaved, each write their own."""
    kinds = [kind for kind in TYPES if TYPES[kind][0] is not None]
    judges = [(Judge(holder(TYPES[kind][0])), kind) for kind in kinds]
    found = []
    for turn in range(2 * len(judges)):
        for judge, kind in (judges[turn % len(judges)], judges[(turn * 7) % len(judges)]):
            cls = judge.field.field_info.annotation
            for value in (TYPES[kind][1][0], TYPES[kinds[turn % len(kinds)]][1][0]):
                make = lambda cls=cls, value=value: in_model(cls, fresh(value))  # noqa: E731
                found += judge.differences(make, [DEFAULT])
    assert found == []


@pytest.mark.newest
def test_an_error_of_a_response_names_the_endpoint_and_the_items_part():
    """What a handler of `ResponseValidationError` reads is what FastAPI tells it."""
    judge = Judge(list[holder(dict[str, int])])
    wrong = [{"f": {"a": "x"}}, {"f": 1, "last": []}, 5]
    with pytest.raises(ResponseValidationError) as theirs:
        judge.theirs(wrong, DEFAULT)
    with pytest.raises(ResponseValidationError) as ours:
        judge.driver(DEFAULT).frame(wrong)
    assert ours.value.errors() == theirs.value.errors()
    assert ours.value.body is theirs.value.body is wrong
    assert str(ours.value) == str(theirs.value)


@pytest.mark.newest
def test_the_corpus_has_frames_errors_and_warnings():
    """A corpus of nothing but errors would judge nothing."""
    written = warned = refused = 0
    for kind, (_, values) in TYPES.items():
        judge, put = placed(kind, "field")
        for value in values:
            result, warnings_ = outcome(
                lambda v=value, j=judge, p=put: j.theirs(p(fresh(v)), DEFAULT)
            )
            written += isinstance(result, bytes)
            warned += bool(warnings_)
            refused += not isinstance(result, bytes)
    assert written > 350
    assert warned > 20
    assert refused > 3
