"""Templates beside whole payloads: random examples, random places, random values, every dialect.

The judges are the general paths of `oracle`: FastAPI's own functions, and pydantic-core.
"""

import copy
import dataclasses
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel

import strategies
from eventwire import Encoder, EventTemplate, ServerSentEvent, Slot
from oracle import FORMS, ROOT, ROUTE, described, of, outcome, route
from receiver import receive
from strategies import sampled
from test_parity_properties import HASHABLE, mixed, models, odd, pairs

pytestmark = pytest.mark.newest

SAFE = Encoder(escape_line_separators=True)
SAFE_ROUTE = Encoder._for_route(adapter=None, dump_options={}, escape_line_separators=True)
DIALECTS = {
    "compact": (ROOT, FORMS["an event"][1]),
    "FastAPI": (ROUTE, FORMS["an event of a route"][1]),
    "compact, line-safe": (SAFE, of(SAFE)),
    "FastAPI, line-safe": (SAFE_ROUTE, of(SAFE_ROUTE)),
    "typed": (route(None), FORMS["an event of a route"][1]),
}


def members(value):
    """Return what a value holds, by the steps of a path."""
    if isinstance(value, BaseModel):
        return dict(value.__dict__)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {}


def paths(value):
    """Return the path of everything in a value."""
    found = [()]
    for step, member in members(value).items():
        found += [(step, *path) for path in paths(member)]
    return found


def put(value, path, new):
    """Return a copy of a value with something else at a path."""
    if not path:
        return new
    step, *rest = path
    member = put(members(value)[step], rest, new)
    if isinstance(value, tuple):
        changed = [*value[:step], member, *value[step + 1 :]]
        return value._make(changed) if hasattr(value, "_make") else tuple(changed)
    changed = copy.copy(value)
    if isinstance(value, dict | list):
        changed[step] = member
    elif isinstance(value, BaseModel):
        changed.__dict__[step] = member
        changed.__pydantic_fields_set__.add(step)
    else:
        object.__setattr__(changed, step, member)
    return changed


def differences(example, values):
    """Return the dialects in which a template and the whole payload differ.

    `values` are by path; each is written twice, by a new template and by one that has written.
    What is constant is encoded once, so that a warning about it may not come again.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on building a class that is built lazily
        names = {f"slot{number}": path for number, path in enumerate(values)}
        template = EventTemplate(data=example, slots=names)
    event = template(**{name: values[path] for name, path in names.items()})

    def whole():
        # A copy: that is what a template has, of odd subclasses and of iterators, too.
        payload = copy.deepcopy(example)
        for path, value in values.items():
            payload = put(payload, path, value)
        return payload

    if whole() is None:
        return []  # no data
    found = []
    for name, (encoder, judge) in DIALECTS.items():
        expected = outcome(lambda judge=judge: judge(whole()))
        for turn in ("first", "again"):
            given = outcome(lambda encoder=encoder: encoder.encode(event))
            if given[0] != expected[0] or not {*given[1]} <= {*expected[1]}:
                found.append((name, turn, template, event, given, expected))
    return found


def is_copyable(value):
    """Whether a value can be an example, and its copies are as it is: sets are in another order."""
    try:
        first = copy.deepcopy(value)
        second = copy.deepcopy(first)
        return len({described(repr(each)) for each in (value, first, second)}) == 1
    except Exception:
        return False


def disjoint(chosen):
    """Whether none of these paths leads into another's place."""
    return not any(one != other and one == other[: len(one)] for one in chosen for other in chosen)


def drawn(data, example, values):
    """Draw values for up to three places."""
    chosen = data.draw(st.lists(sampled(paths(example)), max_size=3, unique=True))
    assume(disjoint(chosen))
    return {path: data.draw(values) for path in chosen}


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
leaves = sampled(HASHABLE).flatmap(lambda pair: pair[1])
containers = strategies.trees(leaves)


@strategies.patient
@given(st.data(), containers)
def test_templates_of_containers_are_their_payloads(data, example):
    """Random containers with random values in random places, odd ones among them."""
    assert differences(example, drawn(data, example, scalars | mixed)) == []


@strategies.patient
@given(st.data())
def test_templates_of_models_are_their_payloads(data):
    """Random models, with serializers and settings; values that fit and values that do not."""
    annotation, instances = data.draw(models(pairs))
    example = data.draw(instances)
    assume(is_copyable(example))
    assert differences(example, drawn(data, example, scalars | odd)) == [], annotation


@strategies.patient
@given(st.data())
def test_templates_of_models_in_containers_are_their_payloads(data):
    """A model with slots in a dict, in a list, in a field that takes anything."""
    _, instances = data.draw(models(pairs))
    example = {"model": data.draw(instances), "more": [1, {"x": data.draw(instances)}]}
    assume(is_copyable(example))
    assert differences(example, drawn(data, example, scalars)) == []


nasty = st.text(st.sampled_from("\r\n\0 :ab\x85\u2028é🎈") | st.characters(exclude_categories=[]))


@given(nasty, nasty, nasty, st.booleans())
def test_texts_with_slots_are_events_with_these_fields(raw, event, number, whole):
    """Line ends, NUL and surrogates are treated as in any event; parts are one text."""
    if whole:
        template = EventTemplate(raw_data=Slot("raw"), event=Slot("event"), id=Slot("id"))
        fields = {"raw_data": raw, "event": event, "id": number}
    else:
        template = EventTemplate(
            raw_data=("a\r", Slot("raw"), "\nb", Slot("raw")),
            event=("<", Slot("event"), ">"),
            id=("-", Slot("id")),
        )
        fields = {"raw_data": f"a\r{raw}\nb{raw}", "event": f"<{event}>", "id": f"-{number}"}
    expected = outcome(lambda: ROOT.encode(ServerSentEvent(**fields)))[0]
    given = outcome(lambda: ROOT.encode(template(raw=raw, event=event, id=number)))[0]
    if isinstance(expected, bytes):
        assert given == expected
        assert len(receive(given).messages) <= 1
    else:
        assert issubclass(given[0], ValueError)


@given(nasty, nasty, nasty)
def test_data_with_slots_in_every_field_is_one_event(text, event, number):
    """The same beside JSON, where the frame's constant parts are kept."""
    template = EventTemplate(
        data={"text": Slot("text"), "same": [Slot("text")], "id": Slot("id")},
        event=Slot("event"),
        id=Slot("id"),
        retry=5,
        comment="two\nlines",
    )
    data = {"text": text, "same": [text], "id": number}
    fields = {"data": data, "event": event, "id": number, "retry": 5, "comment": "two\nlines"}
    for encoder in (ROOT, ROUTE, SAFE):
        encode = encoder.encode
        expected = outcome(lambda encode=encode: encode(ServerSentEvent(**fields)))[0]
        values = {"text": text, "event": event, "id": number}
        given = outcome(lambda encode=encode, values=values: encode(template(**values)))[0]
        if isinstance(expected, bytes):
            assert given == expected
        else:
            assert not isinstance(given, bytes)
            assert issubclass(given[0], ValueError)
