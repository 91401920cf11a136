"""Anthropic's messages."""

import pytest

from ai_helpers import Tokens, messages, names, read
from eventwire.ai import Finish, ToolCall, Usage, anthropic_messages_stream


def named(payload):
    return (payload["type"], payload)


def start(input_tokens=0):
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": input_tokens, "output_tokens": 0},
    }
    return named({"type": "message_start", "message": message})


def opens(index, **block):
    return named({"type": "content_block_start", "index": index, "content_block": block})


def delta(index, **what):
    return named({"type": "content_block_delta", "index": index, "delta": what})


def closes(index):
    return named({"type": "content_block_stop", "index": index})


def ends(reason, **usage):
    change = {"stop_reason": reason, "stop_sequence": None}
    return [
        named({"type": "message_delta", "delta": change, "usage": usage or {"output_tokens": 0}}),
        named({"type": "message_stop"}),
    ]


def test_text_is_one_block_from_message_start_to_message_stop():
    assert read(messages(Tokens("Hé", "llo\n"), input_tokens=5)) == [
        start(5),
        opens(0, type="text", text=""),
        delta(0, type="text_delta", text="Hé"),
        delta(0, type="text_delta", text="llo\n"),
        closes(0),
        *ends("end_turn"),
    ]


def test_tool_calls_are_blocks_one_after_another():
    pieces = [ToolCall(id="x", name="f", arguments='{"a":'), ToolCall(id="x", arguments="1}")]
    assert read(messages(Tokens("a", *pieces, ToolCall(id="y", name="g"), "b"))) == [
        start(),
        opens(0, type="text", text=""),
        delta(0, type="text_delta", text="a"),
        closes(0),
        opens(1, type="tool_use", id="x", name="f", input={}),
        delta(1, type="input_json_delta", partial_json='{"a":'),
        delta(1, type="input_json_delta", partial_json="1}"),
        closes(1),
        opens(2, type="tool_use", id="y", name="g", input={}),
        closes(2),
        opens(3, type="text", text=""),
        delta(3, type="text_delta", text="b"),
        closes(3),
        *ends("tool_use"),
    ]


@pytest.mark.parametrize(
    ("reason", "theirs"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
    ],
)
def test_the_finish_reason_is_said_in_anthropics_words(reason, theirs):
    events = read(messages(Tokens("a", Finish(reason=reason, usage=Usage(3, 4)))))
    assert events[-2:] == ends(theirs, input_tokens=3, output_tokens=4)


def test_an_error_is_an_event_called_error():
    events = read(messages(Tokens("a", ValueError("secret"))))
    text = "An error occurred while the answer was generated."
    assert events[-2:] == [
        delta(0, type="text_delta", text="a"),
        named({"type": "error", "error": {"type": "api_error", "message": text}}),
    ]


def test_events_are_passed_through_up_to_message_stop():
    events = [{"type": "message_start", "n": 1}, {"type": "ping"}, {"type": "message_stop"}]
    tokens = Tokens(*events, "never")
    assert read(messages(tokens)) == [named(event) for event in events]
    assert tokens.closed
    assert tokens.items == ["never"]


def test_events_that_end_without_message_stop_are_an_error():
    assert names(messages(Tokens({"type": "message_start"}))) == ["message_start", "error"]


def test_a_ping_may_come_anywhere():
    ping = {"type": "ping"}
    assert names(messages(Tokens(ping, "a", ping, "b"))) == [
        "ping",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_ids_are_made_if_they_are_not_given():
    (_, first), *_ = read(anthropic_messages_stream(["a"], model="m"))
    (_, other), *_ = read(anthropic_messages_stream(["a"], model="m"))
    assert first["message"]["id"].startswith("msg_")
    assert first["message"]["id"] != other["message"]["id"]


def test_pings_come_more_often_than_claude_code_is_patient():
    assert messages([]).response().ping_interval == 10.0
