"""A receiver by the HTML Standard reads the fields of each event, and nothing else."""

import json
import operator
import re
from typing import Any

import fastapi.sse
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eventwire.fastapi
from eventwire import Encoder, ServerSentEvent
from oracle import route
from receiver import Message, Received, receive

ENCODERS = {"compact": Encoder(), "of a route": route()}
CLASSES = {
    "native": ServerSentEvent,
    "fastapi.sse": fastapi.sse.ServerSentEvent,
    "eventwire.fastapi": eventwire.fastapi.ServerSentEvent,
    # No validator has seen the fields of this one.
    "unchecked": fastapi.sse.ServerSentEvent.model_construct,
}


def messages(stream):
    """Return the events of a stream as (type, data, last event id)."""
    return [(each.type, each.data, each.last_event_id) for each in receive(stream).messages]


def test_the_receiver_reads_the_standards_stock_example():
    """9.2.6: one event of three lines."""
    stream = b"data: YHOO\ndata: +2\ndata: 10\n\n"
    assert messages(stream) == [("message", "YHOO\n+2\n10", "")]


def test_the_receiver_reads_the_standards_four_blocks():
    """9.2.6: a comment, an id, an id that resets it, and a space that is kept."""
    stream = (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
    )
    first_two = [("message", "first event", "1"), ("message", "second event", "")]
    assert messages(stream) == first_two
    assert messages(stream + b"\n\n") == [*first_two, ("message", " third event", "")]


def test_the_receiver_reads_the_standards_empty_data():
    """9.2.6: empty, a single newline, and a block that no blank line follows."""
    assert messages(b"data\n\ndata\ndata\n\ndata:") == [("message", "", ""), ("message", "\n", "")]


def test_the_receiver_reads_the_standards_optional_space():
    """9.2.6: two identical events."""
    assert messages(b"data:test\n\ndata: test\n\n") == [("message", "test", "")] * 2


def test_the_receiver_reads_the_standards_event_types():
    """9.2.1: the introduction's events of types of their own, and of two lines."""
    stream = b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\ndata: 113411\n\n"
    assert messages(stream) == [
        ("add", "73857293", ""),
        ("remove", "2153", ""),
        ("message", "113411", ""),
    ]
    stream = b"data: This is the second message, it\ndata: has two lines.\n\n"
    assert messages(stream) == [("message", "This is the second message, it\nhas two lines.", "")]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"\xef\xbb\xbfdata: a\n\n", Received([Message("message", "a", "")])),
        (b"data: a\rdata: b\r\ndata: c\n\r", Received([Message("message", "a\nb\nc", "")])),
        (b"data: a\xff\n\n", Received([Message("message", "a\ufffd", "")])),
        (b"event: e\n\ndata: a\n\n", Received([Message("message", "a", "")])),
        (b"id: 1\n\nid: 2\n", Received([], "1")),
        (b"id: 1\nid: \0\ndata: a\n\n", Received([Message("message", "a", "1")], "1")),
        (b"retry: 07\nretry: 1x\nretry: \xd9\xa1\nretry:\n", Received([], "", 7)),
        (b"Data: a\n data: b\ndata : c\nother: d\n\n", Received()),
    ],
    ids=str,
)
def test_the_receiver_follows_the_standards_rules(stream, expected):
    """The byte order mark, line ends, replacement, what resets and what is ignored."""
    received = receive(stream)
    received.lines.clear()
    assert received == expected


def split(text):
    """Cut a text at the standard's line ends."""
    return re.split("\r\n|\n|\r", text)


def has_surrogates(text):
    return any("\ud800" <= character <= "\udfff" for character in text)


def payload(fields, form):
    """Return the text of the data field that a receiver is to read, or None."""
    if fields.get("raw_data") is not None:
        return fields["raw_data"]
    if fields.get("data") is None:
        return None
    if form == "compact":
        return json.dumps(fields["data"], ensure_ascii=False, separators=(",", ":"))
    return json.dumps(fields["data"])


def illegal(fields, form, *, checked):
    """Tell whether the fields must not become a frame."""
    texts = [fields.get(name) for name in ("event", "id", "comment")] + [payload(fields, form)]
    single = [fields.get("event"), fields.get("id")]
    both = fields.get("data") is not None and fields.get("raw_data") is not None
    return (
        any(has_surrogates(text) for text in texts if text is not None)
        or any("\r" in text or "\n" in text for text in single if text is not None)
        or "\0" in (fields.get("id") or "")
        or (fields.get("retry") or 0) < 0
        or (checked and both)
    )


def sent(fields, form):
    """Return the lines that a frame of these fields has, as (name, value)."""
    data = payload(fields, form)
    lines = (
        [(":", line) for line in split(fields["comment"])]
        if fields.get("comment") is not None
        else []
    )
    if fields.get("event") is not None:
        lines.append(("event", fields["event"]))
    if data is not None:
        lines += [("data", line) for line in split(data)]
    if fields.get("id") is not None:
        lines.append(("id", fields["id"]))
    if fields.get("retry") is not None:
        lines.append(("retry", str(fields["retry"])))
    return lines


PIECES = ["\r", "\n", "\r\n", "\0", " ", ":", "data: forged", "id", "x", "ü", '"']
PIECES += ["\ufeff", "\u2028", "\x85", "\ud800"]
nasty = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
# Surrogates, too: any `str` that Python can hold.
texts = nasty | nasty | st.text(st.characters(exclude_categories=()))
whole = texts.map(lambda text: re.sub("[\ud800-\udfff]", "", text))
single = whole.map(lambda text: re.sub("[\r\n\0]", "", text))


def nested(leaves):
    return st.recursive(leaves | st.integers() | st.booleans(), st.lists)


# Two thirds are legal in every field: one that is not would hide what becomes of the others.
legal = st.builds(
    operator.or_,
    st.fixed_dictionaries({"raw_data": whole})
    | st.fixed_dictionaries({}, optional={"data": nested(whole)}),
    st.fixed_dictionaries(
        {},
        optional={
            "event": single,
            "id": single,
            "comment": whole,
            "retry": st.integers(0, 10**30),
        },
    ),
)
arbitrary = st.fixed_dictionaries(
    {},
    optional={
        "data": nested(texts),
        "raw_data": texts,
        "event": texts,
        "id": texts,
        "comment": texts,
        "retry": st.integers(-1),
    },
)
events = legal | legal | arbitrary
every_class = pytest.mark.parametrize("name", CLASSES)
every_encoder = pytest.mark.parametrize("form", ENCODERS)


def frame(name, form, fields) -> bytes | None:
    """Return the frame of an event, or None if it is refused."""
    try:
        return ENCODERS[form].encode(CLASSES[name](**fields))
    except ValueError:  # Pydantic's and Unicode's errors, too
        return None


@every_class
@every_encoder
@given(fields=events)
def test_an_event_is_refused_exactly_when_it_must_be(name, form, fields):
    """A name or id of several lines, NUL in an id, a negative time, no UTF-8; nothing else."""
    expected = illegal(fields, form, checked=name != "unchecked")
    assert (frame(name, form, fields) is None) == expected


@every_class
@every_encoder
@given(sequence=st.lists(events, max_size=4))
def test_a_receiver_reads_the_fields_of_each_event_and_nothing_else(name, form, sequence):
    """No data, no event; line ends become LF; an empty name is `message`; comments vanish."""
    stream, expected = b"", Received()
    for fields in sequence:
        written = frame(name, form, fields)
        if written is None:
            continue
        stream += written
        expected.lines += sent(fields, form)
        data, id_, retry = payload(fields, form), fields.get("id"), fields.get("retry")
        if id_ is not None:
            expected.last_event_id = id_
        if retry is not None:
            expected.reconnection_time = retry
        if data is not None:
            kind = fields.get("event") or "message"
            message = Message(kind, "\n".join(split(data)), expected.last_event_id)
            expected.messages.append(message)
    assert receive(stream) == expected


@given(fields=events, comment=texts)
def test_a_comment_changes_nothing_of_what_is_received(fields, comment):
    """With it or without it a receiver comes to the same."""
    fields.pop("comment", None)
    with_it = frame("native", "compact", {**fields, "comment": comment})
    without: Any = frame("native", "compact", fields)
    if with_it is not None:
        ours, plain = receive(with_it), receive(without)
        assert [line for line in ours.lines if line[0] != ":"] == plain.lines
        ours.lines = plain.lines
        assert ours == plain
