"""The options of `EventSourceResponse`: arguments, class attributes, and what they do."""

import asyncio
import time

import fastapi
import pytest

import eventwire.fastapi
from asgi import Wire, items_of, start, until
from eventwire import EventSourceResponse, SendTimeoutError, ServerSentEvent

pytestmark = pytest.mark.usefixtures("kind")

OUT_OF_RANGE = [
    ("ping_interval", -1, ValueError, "positive number of seconds, or None"),
    ("ping_interval", 0, ValueError, "positive number of seconds, or None"),
    ("ping_interval", float("nan"), ValueError, "positive number of seconds, or None"),
    ("ping_interval", float("inf"), ValueError, "positive number of seconds, or None"),
    ("ping_interval", "15", TypeError, "a number of seconds"),
    ("ping_interval", True, TypeError, "a number of seconds"),
    ("ping_message", ": ping\n\n", TypeError, "bytes, an event or a function"),
    ("ping_message", b": ping", ValueError, "end with a line end"),
    ("ping_message", b"", ValueError, "end with a line end"),
    ("ping_single_newline", 1, TypeError, "True or False"),
    ("coalesce", None, TypeError, "True or False"),
    ("wait_for_first_event", 0, TypeError, "True or False"),
    ("send_timeout", 0, ValueError, "positive number of seconds, or None"),
    ("send_timeout", -0.1, ValueError, "positive number of seconds, or None"),
    ("cleanup_timeout", -1, ValueError, "0 or more"),
    ("cleanup_timeout", None, TypeError, "a number of seconds"),
    ("on_disconnect", "call me", TypeError, "a function, or None"),
    ("escape_line_separators", "yes", TypeError, "True or False"),
    ("shutdown_grace_period", -1, ValueError, "0 or more"),
    ("shutdown_grace_period", None, TypeError, "a number of seconds"),
    ("farewell", "bye", TypeError, "a function, or None"),
    ("drain_on_shutdown", None, TypeError, "True or False"),
]

ours = pytest.mark.parametrize(
    "response_class", [EventSourceResponse, eventwire.fastapi.EventSourceResponse]
)


@ours
@pytest.mark.parametrize(("name", "value", "error", "says"), OUT_OF_RANGE)
def test_an_option_out_of_range_is_refused_where_it_is_given(
    response_class, name, value, error, says
):
    """At construction, and when a class sets it; the error names it and says what it may be."""
    with pytest.raises(error, match=f"^{name} must.*{says}"):
        response_class(iter(()), **{name: value})
    with pytest.raises(error, match=f"^{name} must.*{says}"):
        type("Sub", (response_class,), {name: value})


@ours
def test_an_unknown_option_is_refused(response_class):
    """The error names it."""
    with pytest.raises(TypeError, match="has no option 'ping'"):
        response_class(iter(()), ping=15)


def test_an_argument_counts_for_one_response_only():
    """The class and its other responses keep theirs."""
    changed = EventSourceResponse(iter(()), ping_interval=None, coalesce=False)
    assert (changed.ping_interval, changed.coalesce) == (None, False)
    fresh = EventSourceResponse(iter(()))
    assert (fresh.ping_interval, fresh.coalesce) == (15.0, True)


def test_an_option_may_be_a_property():
    """It is asked for each response."""

    class Sub(EventSourceResponse):
        @property
        def ping_interval(self):
            return 0.02

    async def main():
        wire = Wire()
        await start(Sub(idle()), wire)
        assert b": ping\n\n" in wire.body

    asyncio.run(main())


async def idle(first=1, last=2):
    yield first
    await asyncio.sleep(0.07)
    yield last


def body_of(generator, **options):
    async def main():
        wire = Wire()
        await start(EventSourceResponse(generator, **options), wire)
        return wire.body

    return asyncio.run(main())


PINGS = [
    (b"event: ping\ndata: {}\n\n", False, b"event: ping\ndata: {}\n\n"),
    (ServerSentEvent(event="ping", data={"n": 1}), False, b'event: ping\ndata: {"n":1}\n\n'),
    (ServerSentEvent(comment="a\nb"), False, b": a\n: b\n\n"),
    (ServerSentEvent(comment="a\nb"), True, b": a\n: b\n"),
    (b": here\n\n", True, b": here\n"),
    (b": here\r\n\r\n", True, b": here\r\n"),
    (lambda: b": made\n\n", False, b": made\n\n"),
    (lambda: ServerSentEvent(comment="made"), True, b": made\n"),
    (lambda: {"any": "item"}, False, b'data: {"any":"item"}\n\n'),
]


@pytest.mark.parametrize(("message", "single", "frame"), PINGS)
def test_the_keep_alive_message_may_be_bytes_an_event_or_a_function(message, single, frame):
    """It is sent as it is, or encoded as the stream's events are."""
    body = body_of(idle(), ping_interval=0.02, ping_message=message, ping_single_newline=single)
    assert body.replace(frame, b"") == b"data: 1\n\ndata: 2\n\n"
    assert frame in body


def test_the_blank_line_of_the_default_comment_may_be_left_out():
    """Then a client that has seen an id cannot take it for the end of an event."""
    body = body_of(idle(), ping_interval=0.02, ping_single_newline=True)
    assert body.startswith(b"data: 1\n\n: ping\n")
    assert body.replace(b": ping\n", b"") == b"data: 1\n\ndata: 2\n\n"


def test_a_function_makes_a_message_each_time():
    """A counter shows it."""
    numbers = iter(range(100))
    body = body_of(
        idle(), ping_interval=0.02, ping_message=lambda: ServerSentEvent(comment=str(next(numbers)))
    )
    assert b": 0\n\n" in body
    assert b": 1\n\n" in body


def test_a_message_without_its_blank_line_must_be_a_comment():
    """An event would run into the next one; a fixed message is refused before the start."""
    event = ServerSentEvent(event="ping")
    with pytest.raises(ValueError, match="comments only"):
        body_of(idle(), ping_interval=0.02, ping_message=event, ping_single_newline=True)


def test_what_a_function_for_messages_raises_ends_the_stream():
    """The generator is closed, the events before are there, the body is cut."""
    closed = []

    async def generator():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.append(1)

    def fail():
        raise RuntimeError("no message")

    async def main():
        wire = Wire()
        response = EventSourceResponse(generator(), ping_interval=0.02, ping_message=fail)
        with pytest.raises(RuntimeError, match="no message"):
            await asyncio.wait_for(start(response, wire), 1)
        assert (wire.body, wire.ended) == (b"data: 1\n\n", False)

    asyncio.run(main())
    assert closed == [1]


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("coalesce", [False, True])
def test_events_that_are_ready_together_leave_in_one_message_or_in_their_own(sync, coalesce):
    """The bytes are the same."""
    count = 50

    async def main():
        wire = Wire()
        source = iter(range(count)) if sync else items_of(range(count))
        await start(EventSourceResponse(source, coalesce=coalesce), wire)
        return wire

    wire = asyncio.run(main())
    frames = [b"data: %d\n\n" % number for number in range(count)]
    assert wire.body == b"".join(frames)
    if coalesce:
        assert len(wire.bodies) < count
    else:
        assert wire.bodies == [*frames, b""]


@pytest.mark.parametrize("sync", [False, True])
def test_a_blocked_send_does_not_join_events_that_are_not_to_be_coalesced(sync):
    """What gathers meanwhile leaves one by one, too."""

    async def main():
        wire = Wire()

        async def slow(message):
            await asyncio.sleep(0.002)

        wire.on_send = slow
        source = iter(range(9)) if sync else items_of(range(9))
        await start(EventSourceResponse(source, coalesce=False), wire)
        return wire

    assert asyncio.run(main()).bodies == [*[b"data: %d\n\n" % n for n in range(9)], b""]


@pytest.mark.parametrize("sync", [False, True])
def test_a_send_that_takes_too_long_ends_the_stream(sync):
    """`SendTimeoutError` in time, the generator closed, the body cut."""
    closed = []

    async def asynchronous():
        try:
            for number in range(10**9):
                yield number
        finally:
            closed.append(1)

    def synchronous():
        try:
            yield from range(10**9)
        finally:
            closed.append(1)

    async def main():
        wire = Wire()
        wire.on_send = lambda message: block(wire, message)
        response = EventSourceResponse(
            synchronous() if sync else asynchronous(), send_timeout=0.2, ping_interval=0.05
        )
        since = time.monotonic()
        with pytest.raises(SendTimeoutError, match=r"took nothing for 0\.2 s"):
            await asyncio.wait_for(start(response, wire), 5)
        assert 0.18 <= time.monotonic() - since < 0.45
        assert not wire.ended

    async def block(wire, message):
        if message["type"] == "http.response.body":
            wire.block()

    asyncio.run(main())
    assert closed == [1]


def test_a_slow_client_that_takes_each_message_in_time_is_no_timeout():
    """Each send has its own time."""

    async def main():
        wire = Wire()

        async def slow(message):
            await asyncio.sleep(0.04)

        wire.on_send = slow
        await start(EventSourceResponse(items_of(range(6)), send_timeout=0.2, coalesce=False), wire)
        assert wire.ended

    asyncio.run(main())


@pytest.mark.parametrize("kind_of_callback", ["function", "coroutine function", "method"])
def test_a_disconnect_calls_back_once_the_generator_is_closed(kind_of_callback):
    """Without arguments; a method of a subclass gets its response."""
    order = []

    async def generator():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            order.append("closed")

    async def asynchronous():
        await asyncio.sleep(0)
        order.append("left")

    class Sub(EventSourceResponse):
        def on_disconnect(self):
            order.append("left")

    async def main():
        wire = Wire()
        if kind_of_callback == "method":
            response = Sub(generator())
        elif kind_of_callback == "function":
            response = EventSourceResponse(generator(), on_disconnect=lambda: order.append("left"))
        else:
            response = EventSourceResponse(generator(), on_disconnect=asynchronous)
        task = start(response, wire)
        await until(lambda: wire.body)
        wire.leave()
        await asyncio.wait_for(task, 1)

    asyncio.run(main())
    assert order == ["closed", "left"]


def test_a_stream_that_ends_by_itself_is_no_disconnect():
    """Nor is one that fails."""
    calls = []

    async def failing():
        yield 1
        raise RuntimeError("own")

    async def main():
        wire = Wire()
        await start(EventSourceResponse(items_of([1]), on_disconnect=lambda: calls.append(1)), wire)
        response = EventSourceResponse(failing(), on_disconnect=lambda: calls.append(2))
        with pytest.raises(RuntimeError, match="own"):
            await start(response, Wire())

    asyncio.run(main())
    assert calls == []


class Tuned(eventwire.fastapi.EventSourceResponse):
    ping_interval = 0.02
    ping_message = b": tuned\n\n"
    escape_line_separators = True

    def on_disconnect(self):
        LEFT.append(type(self).__name__)


LEFT = []


def test_a_route_takes_its_options_from_its_response_class(serve):
    """On FastAPI's routes the class attributes count, methods among them."""
    LEFT.clear()
    app = fastapi.FastAPI()

    @app.get("/", response_class=Tuned)
    async def stream():
        yield "\u2028"
        await asyncio.sleep(0.07)
        yield ServerSentEvent(data="\x85")

    @app.get("/endless", response_class=Tuned)
    async def endless():
        yield 1
        await asyncio.Event().wait()

    server = serve(app)
    body = server.request("/").body
    assert b": tuned\n\n" in body
    assert body.replace(b": tuned\n\n", b"") == b'data: "\\u2028"\n\ndata: "\\u0085"\n\n'
    assert LEFT == []
    with server.open("/endless") as reply:
        reply.read_until(b"data: 1\n\n")
    deadline = time.monotonic() + 2
    while not LEFT and time.monotonic() < deadline:
        time.sleep(0.01)
    assert LEFT == ["Tuned"]
