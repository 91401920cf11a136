"""What no event object gets through: a second line, a second field, half a frame."""

import asyncio
import json

import fastapi.sse
import pytest
import sse_starlette
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import ValidationError

import asgi
import eventwire.fastapi
from eventwire import Encoder, EventSourceResponse, ServerSentEvent
from eventwire._core import Driver, Outcome
from test_event import Truthy, label


class Lying(str):
    """Says that it has no line end, and that it is something else."""

    __slots__ = ()

    def __contains__(self, other):
        return False

    def __str__(self):
        return "innocent"

    __repr__ = __str__

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__

    def __len__(self):
        return 0

    def encode(self, *_):
        return b"innocent"

    def replace(self, *_):
        return "innocent"

    def splitlines(self, *_):
        return []

    def __iter__(self):
        return iter(())


MODELS = [fastapi.sse.ServerSentEvent, eventwire.fastapi.ServerSentEvent]


def mutated(model, **fields):
    event = model(raw_data="first")
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def constructed(model, **fields):
    return model.model_construct(**{"raw_data": "first", **fields})


def updated(model, **fields):
    return model(raw_data="first").model_copy(update=fields)


def dictionary(model, **fields):
    event = model(raw_data="first")
    event.__dict__.update(fields)
    return event


def overridden(model, **fields):
    class Sub(model):
        def __getattribute__(self, name):
            return fields[name] if name in fields else super().__getattribute__(name)

    return Sub(raw_data="first")


SMUGGLERS = [mutated, constructed, updated, dictionary, overridden]
smuggled = pytest.mark.parametrize("smuggle", SMUGGLERS)
of_models = pytest.mark.parametrize("model", MODELS, ids=["fastapi", "ours"])

ILLEGAL = [
    *(({name: bad}, ValueError) for name in ("event", "id") for bad in ("a\nb", "a\rb", "\r\n")),
    *(({name: Lying("a\n\ndata: forged")}, ValueError) for name in ("event", "id")),
    *(({"id": bad}, ValueError) for bad in ("a\0b", Lying("\0"), "\0\n")),
    *(({"retry": bad}, ValueError) for bad in (-1, -(10**30))),
    *(({"retry": bad}, TypeError) for bad in ("5", "5\n\ndata: forged", 1.5, [], b"5")),
    *(({name: bad}, TypeError) for name in ("event", "id") for bad in (1, b"x", [], Truthy())),
    *(({name: bad}, TypeError) for name in ("comment", "raw_data") for bad in (1, b"x", Truthy())),
    *(({name: "\ud800"}, UnicodeEncodeError) for name in ("event", "id", "comment", "raw_data")),
]


def text_of(case):
    return label(case[0]) if isinstance(case, tuple) else None


illegal = pytest.mark.parametrize("case", ILLEGAL, ids=text_of)


def check_refused(event, error):
    """Check that the event is refused wherever it is written, and that nothing of it is left."""

    async def events():
        yield "before"
        yield event

    with pytest.raises(error):
        Encoder().encode(event)
    assert Encoder().encode(1) == b"data: 1\n\n"
    driver = Driver(events(), Encoder())
    assert driver.advance(None, True) is Outcome.BUDGET
    with pytest.raises(error):
        driver.advance(None, False)
    assert driver.take() == b'data: "before"\n\n'
    assert driver.take() is None

    async def stream():
        wire = asgi.Wire()
        with pytest.raises(error):
            await EventSourceResponse(events())(wire.scope, wire.receive, wire.send)
        return wire

    wire = asyncio.run(stream())
    assert wire.body == b'data: "before"\n\n'
    assert not wire.ended, "a cut stream must not look complete"


@of_models
@smuggled
@illegal
def test_an_illegal_field_of_a_model_is_refused_when_it_is_written(model, smuggle, case):
    """Whatever way it got past the validators, and nothing of its frame is left over."""
    fields, error = case
    check_refused(smuggle(model, **{"comment": "never seen", **fields}), error)


@of_models
@smuggled
def test_a_lying_str_is_written_as_the_characters_it_has(model, smuggle):
    """Its methods are not asked: what a client gets is what the buffer holds."""
    event = smuggle(model, event=Lying("name"), comment=Lying("a\nb"), raw_data=Lying("c\rd"))
    expected = b": a\n: b\nevent: name\ndata: c\ndata: d\n\n"
    assert Encoder().encode(event) == expected


def replaced(**fields):
    return ServerSentEvent(raw_data="first").__replace__(**fields)


def set_on_native(**fields):
    event = ServerSentEvent(raw_data="first")
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def restored(**fields):
    event = ServerSentEvent(raw_data="first")
    event.__setstate__({"raw_data": "first", **fields})
    return event


@pytest.mark.parametrize("make", [ServerSentEvent, set_on_native, replaced, restored])
@illegal
def test_an_illegal_field_never_gets_into_a_native_event(make, case):
    """Or it is converted (`retry="5"`, bytes) to what is legal; a surrogate fails at writing."""
    fields, error = case
    try:
        event = make(**fields)
    except ValidationError:
        return
    if error is UnicodeEncodeError:
        check_refused(event, error)
        return
    assert all(type(getattr(event, name)) in (str, int) for name in fields)
    events, _, _ = decode(Encoder().encode(event))
    assert len(events) <= 1


@illegal
def test_format_sse_event_refuses_an_illegal_field(case):
    """It names the field; FastAPI's own writes what it is given."""
    fields, error = case
    fields = {name.replace("raw_data", "data_str"): value for name, value in fields.items()}
    with pytest.raises(error, match="|".join(fields)):
        eventwire.fastapi.format_sse_event(**{"comment": "c", **fields})


@pytest.mark.parametrize("bad", ["a\0b", Lying("a\0")])
def test_an_illegal_field_of_sse_starlettes_event_is_refused(bad):
    """What it would write unreadably; line ends are taken out of event and id, as it does."""
    make = sse_starlette.ServerSentEvent
    for fields, error in (
        ({"id": bad}, ValueError),
        ({"retry": -1}, ValueError),
        ({"retry": True}, TypeError),
        ({"retry": "5\n\ndata: forged"}, TypeError),
        ({"event": 1}, TypeError),
        ({"id": b"x"}, TypeError),
        *(({name: "\ud800"}, UnicodeEncodeError) for name in ("data", "event", "id", "comment")),
    ):
        event = make(**{"comment": "never seen", **fields})
        check_refused(event, error)
    forged = make("x", event=Lying("a\n\ndata: forged"), id=Lying("1\r\ndata: forged"))
    assert Encoder().encode(forged) == b"event: adata: forged\ndata: x\nid: 1data: forged\n\n"


@pytest.mark.parametrize("field", ["event", "id", "raw_data", "comment"])
def test_a_lone_surrogate_is_refused_with_the_fields_name(field):
    """Text that has no UTF-8 never becomes bytes; the error says whose it is, and where."""
    for make in (ServerSentEvent, *MODELS):
        with pytest.raises(UnicodeEncodeError, match=f"SSE '{field}'.*lone surrogate") as caught:
            Encoder().encode(make(**{field: "ab\ud800"}))
        assert (caught.value.object, caught.value.start) == ("ab\ud800", 2)


def lf(text):
    """Write every line end of the standard as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode(stream):
    """Read a stream as the HTML Standard says (section 9.2.6), and the comments with it.

    Returns the events as (type, data, last event id), the reconnection time, the comment lines.
    """
    text = lf(stream.decode().removeprefix("\ufeff"))
    events, comments, data, kind, last_id, retry = [], [], "", "", "", None
    for line in text.split("\n")[:-1]:
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((kind or "message", data.removesuffix("\n"), last_id))
            data = kind = ""
        elif not name and colon:
            comments.append(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            retry = int(value)
        else:
            raise AssertionError(f"an unexpected line: {line!r}")
    return events, retry, comments


nasty = st.text("\n\r\0: \u2028\x85\ufeffüd")
texts = st.none() | nasty | st.text()
json_values = st.recursive(nasty | st.text() | st.integers() | st.booleans(), st.lists)
payloads = st.fixed_dictionaries(
    {}, optional={"raw_data": nasty | st.text(), "data": st.none() | json_values}
)


@given(payloads, texts, texts, texts, st.none() | st.integers(-1))
def test_a_receiver_reads_the_fields_and_nothing_else(payload, event, id_, comment, retry):
    """Whatever the class accepts comes back as it was, in one event or none, never in two."""
    try:
        sent = ServerSentEvent(**payload, event=event, id=id_, comment=comment, retry=retry)
    except ValidationError:
        reject()
    frame = Encoder().encode(sent)
    events, got_retry, comments = decode(b"id: before\n\n" + frame)
    kind, last_id = sent.event or "message", "before" if sent.id is None else sent.id
    if sent.raw_data is not None:
        assert events == [(kind, lf(sent.raw_data), last_id)]
    elif sent.data is not None:
        ((got_kind, data, got_id),) = events
        assert (got_kind, json.loads(data), got_id) == (kind, sent.data, last_id)
    else:
        assert events == []
    assert got_retry == sent.retry
    assert comments == ([] if sent.comment is None else lf(sent.comment).split("\n"))


@given(st.lists(nasty | st.text()))
def test_frames_one_after_another_are_one_event_each(texts_sent):
    """Frames stay apart, whatever text they carry."""
    stream = b"".join(Encoder().encode(ServerSentEvent(raw_data=text)) for text in texts_sent)
    events, _, _ = decode(stream)
    assert [data for _, data, _ in events] == [lf(text) for text in texts_sent]
