"""Values without a declared type, of every kind and in every place, are written as ever.

The judges are FastAPI's way, `json.dumps(jsonable_encoder(value))`, and `pydantic_core.to_json`.
"""

import collections
import gc
import itertools
import types

import pytest
from fastapi.sse import ServerSentEvent as FastAPIEvent
from pydantic import RootModel, create_model

import oracle
from corpus_classes import DAY, Items, Named
from corpus_instances import EVERYTHING, MODELS, SPOILERS, bare, spoilt
from corpus_models import (
    Anything,
    Checked,
    Duck,
    Open,
    Point,
    Slots,
)
from corpus_values import KEYS
from oracle import FORMS, ROOT, ROUTE, Leaf, frame, outcome, untyped_differences

every_form = pytest.mark.parametrize("form", FORMS)


# Where a value may stand.
PLACES = {
    "itself": lambda value: value,
    "in a list": lambda value: [1, value],
    "in a tuple": lambda value: (value, 1),
    "in a dict": lambda value: {"before": 1, "v": value, "after": 2},
    "several levels down": lambda value: {"a": [{"b": ({"c": value}, None)}], "leaf": Leaf()},
    "beside a model": lambda value: {"chunk": Leaf(), "value": [Leaf(n=2), value]},
    "in a deque": lambda value: collections.deque([value]),
    "in a generator": lambda value: (each for each in [value]),
    "in a namedtuple": Named,
    "in a subclass of dict": lambda value: collections.OrderedDict(v=value),
    "in a dict with its own items": lambda value: Items(v=value),
    "in a mapping": lambda value: types.MappingProxyType({"v": value}),
    "in an object": lambda value: types.SimpleNamespace(v=value),
    "in a dataclass": Point,
    "in a dataclass with slots": lambda value: Slots(inner=value),
    "in a dataclass in a dict": lambda value: {"d": Point({"k": [value]})},
    "in a validated dataclass": lambda value: Checked(leaf=Leaf.model_construct(n=value)),
    "in a field of any type": lambda value: Anything(f=value),
    "in a field of objects": lambda value: Anything(thing=[value]),
    "in a dict of a field": lambda value: Anything.model_construct(table={"k": value}),
    "in a subclass of dict in a field": lambda value: Anything(f=collections.OrderedDict(k=value)),
    "in a list of a field": lambda value: [Anything.model_construct(row=[value, value])],
    "in a dataclass in a field": lambda value: Anything(f={"k": Point(value)}),
    "in a model in a dataclass in a dict": lambda value: {"k": Point(Anything(f=value))},
    "as an extra": lambda value: Open(v=value),
    "as the root of a model": RootModel,
    "in a field of another type": lambda value: Leaf.model_construct(n=value),
    "in a field of a model's type": lambda value: Duck.model_construct(base=value),
    "in a field that is written as it is": lambda value: Duck.model_construct(quacks=value),
}


@pytest.mark.newest
@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_value_of_any_kind_is_written_as_ever_wherever_it_stands(kind):
    """Same bytes, same error, same warnings: alone, in containers, in dataclasses, in models."""
    found = []
    for place, put in PLACES.items():
        found += [
            (place, *each) for each in untyped_differences(lambda put=put: put(EVERYTHING[kind]()))
        ]
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", MODELS)
def test_a_spoilt_instance_is_written_as_ever(kind):
    """Whatever was done to an instance behind Pydantic's back, alone and among others."""
    found = []
    for spoiler, place in itertools.product(SPOILERS, ("itself", "beside a model")):
        put = PLACES[place]
        found += [
            (spoiler, place, *each)
            for each in untyped_differences(
                lambda put=put, spoiler=spoiler: put(spoilt(MODELS[kind], spoiler))
            )
        ]
    found += untyped_differences(lambda: bare(type(MODELS[kind]())))
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("first", range(len(KEYS)))
def test_any_two_keys_may_stand_in_one_dict(first):
    """Keys that become the same text are one, or two, or an error, as ever; `_sa` keys go."""
    found = []
    for second in KEYS:
        table = {KEYS[first]: "first", second: "second"}
        found += untyped_differences(lambda table=table: table)
        found += untyped_differences(
            lambda table=table: Anything(f=table), ["an item of a route", "an item"]
        )
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", EVERYTHING)
def test_the_data_of_fastapis_own_event_object_is_written_as_ever(kind):
    """`fastapi.sse.ServerSentEvent` is taken, too; what Pydantic made of its data is the value."""
    make = EVERYTHING[kind]
    for encoder, judge in ((ROUTE, oracle.of_event), (ROOT, oracle.compact)):
        data = FastAPIEvent(data=make()).data
        expected = (b"\n", []) if data is None else outcome(lambda: judge(data))  # noqa: B023
        assert outcome(lambda: encoder.encode(FastAPIEvent(data=make()))) == expected  # noqa: B023


def generation(number):
    """Return a class named as many others, with fields of its own, and an instance of it."""
    kinds = [(int, 1), (str, "a"), (float, 0.5), (type(DAY), DAY), (Leaf, Leaf()), (list, [Leaf()])]
    names = [f"f{(number + n) % 5}" for n in range(number % 4)]
    fields = {name: kinds[(number + n) % len(kinds)] for n, name in enumerate(names)}
    return create_model("Same", __module__="same", **fields)()


@every_form
def test_classes_of_equal_names_are_told_apart(form):
    """Plans are kept per class, not per name; interleaved, new, and after others are gone."""
    living = [generation(number) for number in range(12)]
    found = []
    for turn in range(40):
        for instance in (living[turn % 12], generation(turn), living[(turn * 5) % 12]):
            found += untyped_differences(lambda instance=instance: instance, [form])
            found += untyped_differences(lambda instance=instance: {"a": [instance]}, [form])
        if turn == 20:
            gc.collect()
    assert found == []


@every_form
def test_a_class_that_changes_is_written_as_it_is_now(form):
    """A class that is rebuilt, patched or given a serializer later leaves no old plan behind."""
    model = create_model("Changing", n=(int, 1), late=("Late | None", None))
    make = lambda: model.model_construct(n=2, late=None)  # noqa: E731
    found = untyped_differences(make, [form])
    model.model_rebuild(_types_namespace={"Late": Leaf})
    found += untyped_differences(make, [form])
    model.model_fields["n"].serialization_alias = "enn"
    model.model_rebuild(force=True, _types_namespace={"Late": Leaf})
    found += untyped_differences(make, [form])
    assert FORMS[form][0](make()).startswith(b'data: {"') is True
    model.model_dump = lambda self, **_: {"patched": 1}
    found += untyped_differences(make, [form])
    model.model_dump_json = lambda self, **_: '{"patched":2}'
    found += untyped_differences(make, [form])
    assert found == []


@pytest.mark.newest
def test_the_corpus_has_frames_errors_and_warnings():
    """A corpus of nothing but errors would judge nothing."""
    seen = collections.Counter()
    for make, (form, (_, theirs)) in itertools.product(EVERYTHING.values(), FORMS.items()):
        result, warned = outcome(lambda theirs=theirs, make=make: theirs(make()))
        seen[form, isinstance(result, bytes)] += 1
        seen["warnings"] += bool(warned)
        seen["bytes"] += result == frame("null")
    for form in FORMS:
        assert seen[form, True] > 400
        assert seen[form, False] > 50
    assert seen["warnings"] > 5
    assert seen["bytes"] < 100
