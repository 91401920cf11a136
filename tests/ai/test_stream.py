"""What holds for the streams of all protocols: bad input, errors, closing, the response."""

import asyncio
import contextlib
import json
import logging
import threading
import time

import pytest
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.testclient import TestClient

from ai_helpers import (
    PROTOCOLS,
    Tokens,
    kind,
    names,
    parsed,
    read,
    sync_tokens,
    text_of,
)
from eventwire import Encoder, EventSourceResponse, ServerSentEvent
from eventwire.ai import (
    Finish,
    ToolCall,
    Usage,
    anthropic_messages_stream,
    openai_chat_stream,
    openai_responses_stream,
    ui_message_stream,
)
from receiver import receive
from servers import wait_until

HELPERS = [
    openai_chat_stream,
    openai_responses_stream,
    anthropic_messages_stream,
    ui_message_stream,
]
ENDS = {
    "chat": ["stop", "[DONE]"],
    "responses": ["response.completed"],
    "messages": ["message_delta", "message_stop"],
    "ui": ["finish-step", "finish", "[DONE]"],
}
ERRORS = {
    "chat": ["error"],
    "responses": ["response.failed"],
    "messages": ["error"],
    "ui": ["error", "finish-step", "finish", "[DONE]"],
}
PINGS = {
    "chat": b": ping\n",
    "responses": b": ping\n",
    "messages": b'event: ping\ndata: {"type":"ping"}\n\n',
    "ui": b": ping\n",
}


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


@pytest.fixture
def make(protocol):
    return PROTOCOLS[protocol]


@pytest.fixture(params=["async", "sync"])
def source(request):
    """Make an async or a sync iterator over items."""
    return Tokens if request.param == "async" else lambda *items: sync_tokens(items)


def ends_with_error(protocol, events):
    expected = ERRORS[protocol]
    kinds = [kind(*event) for event in events if kind(*event) != "text-end"]
    return kinds[-len(expected) :] == expected


# Bad input


@pytest.mark.parametrize("bad", [None, b"x", 5, ["a"], object()], ids=lambda bad: repr(type(bad)))
def test_an_item_of_a_wrong_type_ends_the_stream_with_an_error(protocol, make, source, bad, caplog):
    events = read(make(source("good", bad, "never")))
    assert text_of(events) == "good"
    assert ends_with_error(protocol, events)
    (record,) = caplog.records
    assert f"not {type(bad).__name__}" in str(record.exc_info[1])


def test_an_exception_ends_the_stream_with_an_error_that_does_not_tell_it(
    protocol, make, source, caplog
):
    error = RuntimeError("password 123")
    events = read(make(source("good", error)))
    assert text_of(events) == "good"
    assert ends_with_error(protocol, events)
    assert "password" not in str(events)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("eventwire", logging.ERROR)
    assert record.exc_info[1] is error


ERRORS_ALONE = {
    "chat": ["error"],
    # The SDKs refuse a stream that does not begin so.
    "responses": ["response.created", "response.in_progress", "response.failed"],
    "messages": ["error"],
    "ui": ["error", "[DONE]"],
}


def test_an_exception_before_the_first_item_is_an_error_alone(protocol, make, source, caplog):
    assert names(make(source(RuntimeError()))) == ERRORS_ALONE[protocol]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "\ud800"},
        {"type": "ping", "x": "\ud800"},
        {"type": "ping", "x": object()},
        {"type": "a\nb"},
        {"choices": [{"index": 0, "delta": {"content": "\ud800"}}]},
    ],
    ids=["name", "surrogate", "object", "line", "chunk"],
)
def test_a_passed_event_that_cannot_be_written_ends_the_stream_with_an_error(
    protocol, make, source, item, caplog
):
    if item == {"type": "a\nb"} and protocol in ("chat", "ui"):
        return  # not a name there
    events = read(make(source(item)))
    assert kind(*events[-1]) in (ERRORS[protocol][-1], "[DONE]")
    assert "error" in str(events)
    assert len(caplog.records) == 1


class Unwritable:
    def __init__(self, text):
        self.text = text

    def to_json(self, *, indent):
        return self.text


def test_an_sdk_object_whose_json_cannot_be_written_ends_the_stream_with_an_error(
    protocol, make, source, caplog
):
    events = read(make(source(Unwritable('"\ud800"'))))
    assert [kind(*event) for event in events][-1] in (ERRORS[protocol][-1], "[DONE]")
    assert "error" in str(events)


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), BaseExceptionGroup("", [SystemExit()])]
)
def test_what_is_no_exception_passes_through_and_the_answer_has_no_end(make, source, error):
    async def main():
        seen, encode = bytearray(), Encoder().encode
        stream = make(source("a", error))
        try:
            async for event in stream:
                seen += encode(event)
        except BaseException as raised:
            return seen, raised
        raise AssertionError("nothing was raised")

    seen, raised = asyncio.run(main())
    assert type(raised) is type(error)
    events = parsed(bytes(seen))
    assert text_of(events) == "a"
    assert "failed" not in str(events)


def test_describe_error_says_what_the_client_is_told(make, source, caplog):
    events = read(make(source(RuntimeError("out of money")), describe_error=str))
    assert "out of money" in str(events)


@pytest.mark.parametrize(
    "describe", [lambda error: 1 / 0, lambda error: None, lambda error: "\ud800"]
)
def test_a_describe_error_that_fails_tells_nothing(protocol, make, describe, caplog):
    events = read(make(Tokens("a", RuntimeError("secret")), describe_error=describe))
    assert ends_with_error(protocol, events)
    assert "An error occurred" in str(events)


def test_an_iterator_without_items_is_a_whole_empty_answer(protocol, make, source):
    events = read(make(source()))
    assert text_of(events) == ""
    assert [kind(*event) for event in events][-len(ENDS[protocol]) :] == ENDS[protocol]


def test_after_finish_nothing_more_is_asked_of_the_iterator(protocol, make):
    tokens = Tokens("good", Finish(), "never", RuntimeError("never"))
    events = read(make(tokens))
    assert text_of(events) == "good"
    assert [kind(*event) for event in events][-len(ENDS[protocol]) :] == ENDS[protocol]
    assert (len(tokens.items), tokens.closed) == (2, 1)


def test_a_lone_surrogate_is_an_error_in_good_form(protocol, make, source, caplog):
    events = read(make(source("good", "\ud800")))
    assert text_of(events) == "good"
    assert ends_with_error(protocol, events)


@pytest.mark.parametrize(
    "text", ["a\nb\r\nc\rd", "\x00\x85\u2028\u2029", "data: x\n\nevent: y", "🎈"]
)
def test_any_text_arrives_as_it_was(make, source, text):
    assert text_of(read(make(source(text)))) == text


def test_the_first_piece_of_a_tool_call_needs_a_name(protocol, make, caplog):
    events = read(make(Tokens("good", ToolCall(id="x", arguments="{}"))))
    assert ends_with_error(protocol, events)
    assert "must have its name" in str(caplog.records[0].exc_info[1])


@pytest.mark.parametrize("protocol", ["responses", "messages", "ui"])
@pytest.mark.parametrize("between", ["text", ToolCall(id="y", name="g")], ids=["text", "call"])
def test_a_late_piece_of_a_tool_call_is_an_error_where_calls_are_closed(
    protocol, make, between, caplog
):
    call = ToolCall(id="x", name="f")
    events = read(make(Tokens(call, between, ToolCall(id="x", arguments="{}"))))
    assert ends_with_error(protocol, events)
    assert "one after another" in str(caplog.records[0].exc_info[1])


@pytest.mark.parametrize("protocol", ["responses", "messages"])
@pytest.mark.parametrize("first", ["text", "passed"])
def test_text_and_passed_events_do_not_mix_where_that_would_not_fit(protocol, make, first, caplog):
    items = ["a", {"type": "response.created"}]
    events = read(make(Tokens(*(items if first == "text" else reversed(items)))))
    assert ends_with_error(protocol, events)
    assert "cannot be mixed" in str(caplog.records[0].exc_info[1])


@pytest.mark.parametrize("tokens", ["text", b"bytes", {"a": 1}, None, 5, print])
def test_tokens_that_are_not_iterable_are_refused_at_once(make, tokens):
    with pytest.raises(TypeError, match="tokens must be an async or sync iterable of text"):
        make(tokens)


def test_other_arguments_of_a_wrong_type_are_refused_at_once(make):
    async def describe(error):
        return ""

    for wrong in ("text", describe):
        with pytest.raises(TypeError, match="describe_error must be a plain function"):
            make([], describe_error=wrong)


@pytest.mark.parametrize("helper", HELPERS)
def test_ids_and_models_are_text_that_can_be_written(helper):
    required = {} if helper is ui_message_stream else {"model": "m"}
    for name in ("id", *required):
        with pytest.raises(TypeError, match=f"{name} must be a str, not 5"):
            helper([], **{**required, name: 5})
        with pytest.raises(UnicodeEncodeError):
            helper([], **{**required, name: "\ud800"})


@pytest.mark.parametrize(
    ("helper", "name"),
    [
        (openai_chat_stream, "created"),
        (openai_responses_stream, "created_at"),
        (anthropic_messages_stream, "input_tokens"),
    ],
)
def test_numbers_are_checked(helper, name):
    for wrong in ("5", 1.5, True):
        with pytest.raises(TypeError, match=f"{name} must be an int, not"):
            helper([], model="m", **{name: wrong})
    with pytest.raises(ValueError, match=f"{name} must not be negative: -1"):
        helper([], model="m", **{name: -1})


def test_include_usage_is_a_bool():
    with pytest.raises(TypeError, match="include_usage must be a bool, not None"):
        openai_chat_stream([], model="m", include_usage=None)


async def unawaited():
    return []


def test_what_an_sdk_returns_before_it_is_a_stream_gets_a_hint(make):
    coroutine = unawaited()
    with pytest.raises(TypeError, match="not coroutine: await it"):
        make(coroutine)
    coroutine.close()
    with pytest.raises(TypeError, match="not _AsyncGeneratorContextManager: enter it with 'async"):
        make(contextlib.asynccontextmanager(Tokens)())
    with pytest.raises(TypeError, match="not closing: enter it with 'with'"):
        make(contextlib.closing(Tokens()))


@pytest.mark.parametrize(
    ("make_item", "error"),
    [
        (lambda: ToolCall(id=1, name="f"), TypeError),
        (lambda: ToolCall(id="", name="f"), ValueError),
        (lambda: ToolCall(id="x", name=b"f"), TypeError),
        (lambda: ToolCall(id="x", name="f", arguments={"a": 1}), TypeError),
        (lambda: ToolCall(id="x", name="f", arguments="\ud800"), UnicodeEncodeError),
        (lambda: ToolCall(id="\ud800", name="f"), UnicodeEncodeError),
        (lambda: ToolCall(id="x", name="\ud800"), UnicodeEncodeError),
        (lambda: Usage("1", 2), TypeError),
        (lambda: Usage(True, 2), TypeError),
        (lambda: Usage(1, -2), ValueError),
        (lambda: Finish(reason="done"), ValueError),
        (lambda: Finish(usage={"input_tokens": 1}), TypeError),
    ],
)
def test_an_item_with_wrong_values_cannot_be_made(make_item, error):
    with pytest.raises(error):
        make_item()


# Closing


def test_the_end_closes_the_iterator(make):
    tokens = Tokens("a")
    read(make(tokens))
    assert tokens.closed == 1


class SDKStream:
    """Like the stream of an SDK: an iterable with ``close``, whose iterator is another object."""

    def __init__(self, *items):
        self.items, self.closed = items, 0

    async def __aiter__(self):
        for item in self.items:
            yield item

    async def close(self):
        self.closed += 1


class SyncSDKStream:
    def __init__(self, *items):
        self.items, self.closed = items, 0

    def __iter__(self):
        yield from self.items

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("kind_of_stream", [SDKStream, SyncSDKStream])
@pytest.mark.parametrize("items", [["a"], ["a", RuntimeError()], ["a", Finish(), "b"], ["a", None]])
def test_the_stream_of_an_sdk_is_closed(make, kind_of_stream, items, caplog):
    stream = kind_of_stream(*items)
    read(make(stream))
    assert stream.closed == 1


@pytest.mark.parametrize("kind_of_stream", [SDKStream, SyncSDKStream])
def test_the_stream_of_an_sdk_is_closed_if_nothing_was_read(make, kind_of_stream):
    async def main():
        source = kind_of_stream("a")
        stream = make(source)
        await stream.aclose()
        await stream.aclose()
        return source.closed, [event async for event in stream]

    assert asyncio.run(main()) == (1, [])


def test_closing_reaches_the_generator_at_once(make):
    closed = []

    async def tokens():
        try:
            yield "a"
            await asyncio.sleep(60)
        finally:
            closed.append(True)

    async def main():
        stream = make(tokens())
        await anext(stream)
        await stream.aclose()
        assert closed == [True]

    asyncio.run(main())


def test_cancelling_reaches_the_generator_at_once(make):
    ended = []

    async def tokens():
        try:
            yield "a"
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            ended.append(type(error))
            raise

    async def main():
        async def consume():
            async for _ in make(tokens()):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert ended == [asyncio.CancelledError]

    asyncio.run(main())


# The response


def application(respond):
    async def endpoint(request):
        return respond()

    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])])


def test_the_client_leaving_ends_the_generator_within_250_ms(serve, make, source):
    ended = []
    gone = threading.Event()

    async def slowly():
        try:
            while True:
                yield "token "
                await asyncio.sleep(0.02)
        finally:
            ended.append(time.monotonic())

    def sync():
        try:
            while True:
                yield "token "
                gone.wait(0.02)
        finally:
            ended.append(time.monotonic())

    tokens = slowly if source is Tokens else sync
    server = serve(application(lambda: make(tokens()).response()))
    with server.open("/") as stream:
        stream.read_until(b"token ")
    left = time.monotonic()
    wait_until(lambda: ended, "the generator to end")
    assert ended[0] - left < 0.25


def test_a_pause_is_filled_with_pings_in_the_protocols_form(serve, protocol, make):
    async def tokens():
        yield "a"
        await asyncio.sleep(0.5)
        yield "b"

    server = serve(application(lambda: make(tokens()).response(ping_interval=0.1)))
    reply = server.request("/")
    assert reply.body.count(PINGS[protocol]) >= 3
    assert b": ping\n\n" not in reply.body
    assert text_of(parsed(reply.body.replace(PINGS[protocol], b""))) == "ab"
    assert text_of(parsed(reply.body)) == "ab"
    assert reply.whole


def test_a_message_of_ones_own_replaces_the_ping(serve, make):
    async def tokens():
        await asyncio.sleep(0.3)
        yield "b"

    ping = b"event: alive\ndata: {}\n\n"
    options = {"ping_interval": 0.1, "ping_message": ping}
    body = serve(application(lambda: make(tokens()).response(**options))).request("/").body
    assert body.startswith(ping)


def test_the_response_has_the_protocols_headers_and_ones_own(protocol, make, source):
    def respond():
        return make(source("a")).response(201, {"x-request": "7"})

    reply = TestClient(application(respond)).get("/")
    assert reply.status_code == 201
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["x-request"] == "7"
    version = "x-vercel-ai-ui-message-stream"
    assert reply.headers.get(version) == ("v1" if protocol == "ui" else None)
    assert text_of(parsed(reply.content)) == "a"


def test_a_header_of_ones_own_replaces_the_protocols_in_any_case():
    stream = ui_message_stream([])
    headers = stream.response(headers={"X-Vercel-AI-UI-Message-Stream": "v2"}).headers
    assert headers.getlist("x-vercel-ai-ui-message-stream") == ["v2"]


def test_the_events_can_be_handed_to_a_response_of_ones_own(make, source):
    reply = TestClient(application(lambda: EventSourceResponse(make(source("a"))))).get("/")
    assert text_of(parsed(reply.content)) == "a"


class FailsToClose(SDKStream):
    async def close(self):
        raise RuntimeError("in close")


class SyncFailsToClose(SyncSDKStream):
    def close(self):
        raise RuntimeError("in close")


@pytest.mark.parametrize("kind_of_stream", [FailsToClose, SyncFailsToClose])
def test_an_exception_while_closing_is_logged_and_what_was_written_stays_whole(
    serve, protocol, make, kind_of_stream, caplog
):
    server = serve(application(lambda: make(kind_of_stream("a")).response()))
    reply = server.request("/")
    assert reply.whole
    assert [kind(*event) for event in parsed(reply.body)][-len(ENDS[protocol]) :] == ENDS[protocol]
    (record,) = [record for record in caplog.records if record.name == "eventwire"]
    assert str(record.exc_info[1]) == "in close"


@pytest.mark.parametrize("kind_of_stream", [SDKStream, SyncSDKStream])
def test_head_closes_what_was_not_read(make, kind_of_stream):
    source = kind_of_stream("a")
    app = application(lambda: make(source).response())
    assert TestClient(app).head("/").content == b""
    assert source.closed == 1


def test_an_early_http_exception_becomes_a_response_if_the_first_event_is_waited_for(make, source):
    error = HTTPException(429, "slow down")

    def respond():
        return make(source(error)).response(wait_for_first_event=True)

    reply = TestClient(application(respond)).get("/")
    assert (reply.status_code, reply.text) == (429, "slow down")


def test_an_exception_after_a_passed_ping_is_an_event_for_the_response_has_begun(source, caplog):
    def respond():
        stream = anthropic_messages_stream(source({"type": "ping"}, HTTPException(429)), model="m")
        return stream.response(wait_for_first_event=True)

    events = parsed(TestClient(application(respond)).get("/").content)
    assert [kind(*event) for event in events] == ["ping", "error"]


def test_a_later_exception_is_an_event_also_if_the_first_event_is_waited_for(
    protocol, make, source, caplog
):
    def respond():
        return make(source("a", HTTPException(429))).response(wait_for_first_event=True)

    assert ends_with_error(protocol, parsed(TestClient(application(respond)).get("/").content))


def test_an_exception_after_the_first_ping_is_an_event_for_the_response_has_begun(
    serve, protocol, make, caplog
):
    async def tokens():
        await asyncio.sleep(0.35)
        raise HTTPException(429)
        yield

    options = {"wait_for_first_event": True, "ping_interval": 0.1}
    reply = serve(application(lambda: make(tokens()).response(**options))).request("/")
    assert reply.body.startswith(PINGS[protocol])
    assert (reply.status, reply.whole) == (200, True)
    assert "error" in str(parsed(reply.body)[-1 if protocol != "ui" else -2])


@pytest.mark.parametrize("wait", [True, False])
def test_options_are_checked_where_they_are_given(make, wait):
    options = {"wait_for_first_event": wait}
    with pytest.raises(TypeError, match="ping_message must be bytes"):
        make([]).response(ping_message="text", **options)
    with pytest.raises(TypeError, match="no option 'pings'"):
        make([]).response(pings=1, **options)
    with pytest.raises(ValueError, match="ping_interval must be a positive"):
        make([]).response(ping_interval=0, **options)


def test_trio_reads_the_same(make, source):
    async def main():
        encode = Encoder().encode
        with trio.fail_after(20):
            return b"".join([encode(event) async for event in make(source("a", "b"))])

    assert text_of(parsed(trio.run(main))) == "ab"


def test_a_failing_stream_ends_whole_after_its_error(serve, protocol, make, source, caplog):
    server = serve(application(lambda: make(source("a", RuntimeError())).response()))
    reply = server.request("/")
    assert reply.whole
    assert ends_with_error(protocol, parsed(reply.body))


TOKENS = ["Hel", "lo", "é 😀\u2028", 'quo"te\\', "\n", " "]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dialect", ["compact", "spaced"])
def test_each_frame_is_what_its_payload_is_encoded_to(protocol, dialect):
    """Also those of the templates that make the events of tokens, in both dialects."""
    encode = Encoder(dialect=dialect).encode

    async def frames():
        stream = PROTOCOLS[protocol](sync_tokens(TOKENS))
        return [encode(event) async for event in stream]

    seen = []
    for frame in asyncio.run(frames()):
        (message,) = receive(frame).messages
        if message.data != "[DONE]":
            name = None if message.type == "message" else message.type
            payload = json.loads(message.data)
            assert frame == encode(ServerSentEvent(data=payload, event=name))
            seen.append((message.type, payload))
    assert text_of(seen) == "".join(TOKENS)
