"""Templates and their events as objects: copied, compared, pickled, shared, collected."""

import copy
import gc
import pickle
import sys
import threading
import weakref

import fastapi.encoders
import pytest

from eventwire import EventTemplate, ServerSentEvent, Slot, TemplatedEvent
from test_template import CHUNK, COMPACT, CONTENT, SPACED, Chunk, Delta, frames


def test_an_example_is_copied():
    """What becomes of it later does not change the template; nor does what an event returns."""
    example = {"constant": [1], "slot": Slot("x")}
    template = EventTemplate(data=example)
    example["constant"].append(2)
    event = template(x=3)
    event.data["constant"].append(4)
    assert COMPACT.encode(event) == b'data: {"constant":[1],"slot":3}\n\n'
    assert event.data == {"constant": [1], "slot": 3}
    model = copy.deepcopy(CHUNK)
    template = EventTemplate(data=model, slots=CONTENT)
    model.deltas.clear()
    assert template(content="x").data == Chunk(id="1", deltas=[Delta(content="x")])
    assert CHUNK.deltas[0].content == "example"


def test_an_event_shows_its_fields():
    """Those of `ServerSentEvent`, with the values in the slots; it is immutable."""
    template = EventTemplate(
        raw_data=("a", Slot("x")), event=Slot("e"), id="7", retry="5", comment="c"
    )
    event = template(x="b", e="name")
    assert (event.data, event.raw_data, event.event, event.id) == (None, "ab", "name", "7")
    assert (event.retry, event.comment) == (5, "c")
    assert event.template is template
    assert event.values == {"x": "b", "e": "name"}
    for name in ("event", "data", "anything"):
        with pytest.raises(AttributeError):
            setattr(event, name, "x")
        with pytest.raises(AttributeError):
            setattr(template, name, "x")
    with pytest.raises(TypeError):
        TemplatedEvent()


def make():
    return EventTemplate(
        data=[CHUNK, {"a": Slot("a")}], id=("-", Slot("id")), slots={"b": (0, "id")}
    )


def test_templates_and_events_compare_by_what_they_are():
    """Equal examples with equal slots; equal values; and hashes to match."""
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != EventTemplate(data=[CHUNK, {"a": Slot("other")}])
    assert make() != "text"
    event = make()(a=1, b="x", id="7")
    assert event == make()(a=1, b="x", id="7")
    assert hash(event) == hash(make()(a=1, b="x", id="7"))
    assert event != make()(a=2, b="x", id="7")
    assert event != EventTemplate(data=Slot("a"))(a=1)
    assert event != 1
    nan = make()(a=float("nan"), b="x", id="7")
    assert nan == nan  # noqa: PLR0124  # as an object does
    with pytest.raises(TypeError, match="unhashable"):
        hash(make()(a=[], b="x", id="7"))
    assert Slot("a") == Slot("a") != Slot("b")
    assert len({Slot("a"), Slot("a")}) == 1


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_templates_and_events_are_pickled(protocol):
    """And write the same."""
    event = make()(a={"x": [1]}, b="x", id="7")
    for thing in (event, event.template, Slot("x")):
        assert pickle.loads(pickle.dumps(thing, protocol)) == thing
    restored = pickle.loads(pickle.dumps(event, protocol))
    assert frames(restored) == frames(event)


def test_copies_share_what_is_immutable():
    """A deep copy of an event has values of its own."""
    event = make()(a=[1], b="x", id="7")
    assert copy.copy(event) is event
    assert copy.copy(event.template) is copy.deepcopy(event.template) is event.template
    deep = copy.deepcopy(event)
    event.values["a"].append(2)
    assert deep.values["a"] == [1]
    assert deep.template is event.template


def test_reprs_say_how_to_make_them():
    """Fields that were given; values by slot."""
    template = EventTemplate(data={"a": Slot("a")}, event="e", id=("-", Slot("id")), retry=5)
    shown = "EventTemplate(data={'a': Slot('a')}, event='e', id=('-', Slot('id')), retry=5)"
    assert repr(template) == shown
    assert eval(shown) == template
    assert repr(template(a="x", id="7")) == "TemplatedEvent(a='x', id='7')"


def test_a_template_is_shared_between_threads():
    """Also while it is written in a dialect for the first time."""
    for _ in range(20):
        template = EventTemplate(data={"a": Slot("a"), "b": [1.5] * 50}, id=Slot("id"))
        barrier, written = threading.Barrier(8), []

        def work(number, template=template, barrier=barrier, written=written):
            barrier.wait(10)
            for turn in range(50):
                event = template(a=[number, turn], id=str(number))
                written.append((frames(event), event.data, str(number)))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(written) == 400
        for given, data, number in written:
            assert given == frames(ServerSentEvent(data=data, id=number))


def test_a_template_may_be_written_while_it_is_prepared():
    """By an encoder of the application's, for example: that does not wait for itself."""

    class Curious:
        depth = 0

    def curious(value):
        Curious.depth += 1
        try:
            return SPACED.encode(template(a=1)).decode() if Curious.depth < 3 else "deep"
        finally:
            Curious.depth -= 1

    template = EventTemplate(data={"a": Slot("a"), "b": Curious()})
    encoders = fastapi.encoders.ENCODERS_BY_TYPE
    encoders[Curious] = curious
    try:
        assert SPACED.encode(template(a="x")) == b'data: {"a": "x", "b": "deep"}\n\n'
    finally:
        del encoders[Curious]


def test_templates_and_events_are_collected():
    """Cycles through a value are found; references are counted right."""

    class Value(dict):
        pass

    value = Value()
    value["event"] = EventTemplate(data=Slot("x"))(x=value)
    gone = weakref.ref(value)
    del value
    gc.collect()
    assert gone() is None
    template, payload = EventTemplate(data={"a": Slot("a")}), object()
    before = sys.getrefcount(payload), sys.getrefcount(template)
    for _ in range(100):
        template(a=payload)
        with pytest.raises(TypeError):
            template(a=payload, b=payload)
    assert (sys.getrefcount(payload), sys.getrefcount(template)) == before


def test_a_templates_call_cannot_be_replaced():
    """The interpreter calls it without a look at the class's `__call__`."""
    with pytest.raises(TypeError, match="immutable"):
        EventTemplate.__call__ = None
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (EventTemplate,), {})
