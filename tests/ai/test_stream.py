"""What holds for the streams of all protocols: what they yield, bad input, errors."""

import asyncio
import contextlib
import json
import logging

import pytest

from ai_helpers import (
    ENDS,
    ERRORS,
    PROTOCOLS,
    Tokens,
    ends_with_error,
    kind,
    names,
    parsed,
    read,
    sync_tokens,
    text_of,
)
from eventwire import Encoder, ServerSentEvent
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

HELPERS = [
    openai_chat_stream,
    openai_responses_stream,
    anthropic_messages_stream,
    ui_message_stream,
]


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
