"""Setting the fields of a native event: what the constructor takes, and nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from eventwire import Encoder, ServerSentEvent, _event_model
from test_event import CONVERTED, FIELDS, GOOD, WRONG, label

ONE_FIELD = [arguments for arguments in GOOD + CONVERTED if len(arguments) == 1]
ONE_WRONG = [arguments for arguments in WRONG if len(arguments) == 1]


def full():
    """Make an event with every field but `raw_data`."""
    return ServerSentEvent(data=["old"], event="old", id="old", retry=1, comment="old")


@pytest.mark.parametrize("arguments", ONE_FIELD, ids=label)
def test_a_field_takes_what_the_constructor_takes(arguments):
    """With the same conversions; the other fields stay."""
    ((name, value),) = arguments.items()
    event = full()
    if name == "raw_data":
        event.data = None
    before = {field: getattr(event, field) for field in FIELDS}
    setattr(event, name, value)
    made = getattr(ServerSentEvent(**arguments), name)
    got = getattr(event, name)
    assert type(got) is type(made)
    assert got is made or got == made
    assert event == ServerSentEvent(**{**before, name: got})


@pytest.mark.parametrize("arguments", ONE_WRONG, ids=label)
def test_a_field_refuses_what_the_constructor_refuses(arguments):
    """With the same errors, and the event stays as it was."""
    ((name, value),) = arguments.items()
    with pytest.raises(ValidationError) as at_construction:
        ServerSentEvent(**arguments)
    event = full()
    event.data = None
    before = ServerSentEvent(**{field: getattr(event, field) for field in FIELDS})
    with pytest.raises(ValidationError) as at_change:
        setattr(event, name, value)
    keys = ("type", "loc", "msg")
    assert [[error[key] for key in keys] for error in at_change.value.errors()] == [
        [error[key] for key in keys] for error in at_construction.value.errors()
    ]
    assert at_change.value.title == "ServerSentEvent"
    assert event == before


def test_only_one_payload_can_be_set():
    """The second is refused until the first is None; 0, False and "" are payloads."""
    for payload in (0, False, "", []):
        event = ServerSentEvent(data=payload)
        with pytest.raises(ValidationError, match="Cannot set both 'data' and 'raw_data'"):
            event.raw_data = ""
        assert event == ServerSentEvent(data=payload)
        event.data = None
        event.raw_data = "raw"
        with pytest.raises(ValidationError, match="Cannot set both 'data' and 'raw_data'"):
            event.data = payload
        assert event == ServerSentEvent(raw_data="raw")


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_cannot_be_deleted(field):
    """It is set to None instead."""
    event = full()
    with pytest.raises(AttributeError):
        delattr(event, field)
    assert event == full()


def test_there_are_no_other_attributes():
    """A misspelt field is an error."""
    event = full()
    with pytest.raises(AttributeError):
        event.evnet = "x"
    assert event == full()


def test_a_changed_event_is_written_as_it_is_now():
    """Whatever was written before."""
    event = ServerSentEvent(data=1, id="1")
    assert Encoder().encode(event) == b"data: 1\nid: 1\n\n"
    event.data, event.id, event.retry = {"a": 2}, None, 5
    assert Encoder().encode(event) == b'data: {"a":2}\nretry: 5\n\n'


def test_an_old_value_may_change_the_event_when_it_goes():
    """Values are dropped when the event is whole again, so that a destructor may look at it."""
    seen = []

    class Farewell:
        def __del__(self):
            seen.append(event.data)
            event.comment = "gone"

    event = ServerSentEvent(data=Farewell())
    event.data = "new"
    assert seen == ["new"]
    assert event == ServerSentEvent(data="new", comment="gone")


def test_a_conversion_may_change_the_event():
    """Only the field that is set is taken over from the check, which runs Python code."""

    class Meddling:
        def __index__(self):
            event.id = "meanwhile"
            return 3

        __int__ = __index__

    event = ServerSentEvent(id="before")
    event.retry = Meddling()
    assert event == ServerSentEvent(id="meanwhile", retry=3)


def test_a_payload_that_comes_during_the_check_is_seen(monkeypatch):
    """As if another thread had set it: the second one is refused."""
    event = ServerSentEvent(event="e")
    single_line = _event_model._single_line

    def meddling(field, value):
        monkeypatch.undo()
        event.data = 1
        return single_line(field, value)

    monkeypatch.setattr(_event_model, "_single_line", meddling)
    with pytest.raises(ValidationError, match="Cannot set both"):
        event.raw_data = b"not plainly legal"
    assert event == ServerSentEvent(event="e", data=1)


def test_threads_never_make_an_illegal_event():
    """One sets the one payload, another the other: never both, and no value is lost or torn."""
    event = ServerSentEvent()
    barrier = threading.Barrier(3)

    def set_both_ways(name, value):
        barrier.wait()
        for _ in range(2000):
            try:
                setattr(event, name, value)
            except ValidationError:
                continue
            setattr(event, name, None)

    def read():
        barrier.wait()
        frames = {Encoder().encode(event) for _ in range(2000)}
        return frames - {b"\n", b"data: 1\n\n", b"data: raw\n\n"}

    with ThreadPoolExecutor(3) as pool:
        writers = [
            pool.submit(set_both_ways, name, value)
            for name, value in (("data", 1), ("raw_data", "raw"))
        ]
        assert pool.submit(read).result() == set()
        for writer in writers:
            writer.result()
    assert event == ServerSentEvent()
