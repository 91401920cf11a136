"""OpenAI's responses."""

import pytest

from ai_helpers import Tokens, names, read, responses
from eventwire.ai import Finish, ToolCall, Usage, openai_responses_stream

OPENING = ["response.created", "response.in_progress"]
TEXT_OPENS = ["response.output_item.added", "response.content_part.added"]
TEXT_CLOSES = [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]
DELTA = "response.output_text.delta"
CALL = "response.function_call_arguments"


def test_text_is_one_message_from_opening_to_completed():
    events = read(responses(Tokens("Hé", "llo")))
    assert [name for name, _ in events] == [
        *OPENING,
        *TEXT_OPENS,
        DELTA,
        DELTA,
        *TEXT_CLOSES,
        "response.completed",
    ]
    assert all(payload["type"] == name for name, payload in events)
    assert [payload["sequence_number"] for _, payload in events] == list(range(len(events)))
    created, completed = events[0][1]["response"], events[-1][1]["response"]
    assert (created["status"], created["output"]) == ("in_progress", [])
    item = events[2][1]["item"]
    part = {"type": "output_text", "text": "Héllo", "annotations": [], "logprobs": []}
    done = {**item, "status": "completed", "content": [part]}
    assert completed == {**created, "status": "completed", "output": [done]}
    assert {p["item_id"] for _, p in events if "item_id" in p} == {item["id"]}


def test_a_tool_call_after_text_is_an_item_of_its_own():
    call = [ToolCall(id="x", name="f", arguments='{"a":'), ToolCall(id="x", arguments="1}")]
    events = read(responses(Tokens("a", *call, ToolCall(id="y", name="g"))))
    added = "response.output_item.added"
    done = "response.output_item.done"
    assert [name for name, _ in events] == [
        *OPENING,
        *TEXT_OPENS,
        DELTA,
        *TEXT_CLOSES,
        *[added, f"{CALL}.delta", f"{CALL}.delta", f"{CALL}.done", done],
        *[added, f"{CALL}.delta", f"{CALL}.done", done],
        "response.completed",
    ]
    assert [p["output_index"] for _, p in events if "output_index" in p] == (
        [0] * 6 + [1] * 5 + [2] * 4
    )
    first, second = events[-1][1]["response"]["output"][1:]
    assert (
        first.items()
        >= {
            "type": "function_call",
            "status": "completed",
            "call_id": "x",
            "name": "f",
            "arguments": '{"a":1}',
        }.items()
    )
    # JSON also where a model writes none.
    assert (second["call_id"], second["arguments"]) == ("y", "{}")
    assert (events[-4][1]["delta"], events[-3][1]["arguments"]) == ("{}", "{}")


def test_usage_stands_in_the_last_event():
    events = read(responses(Tokens("a", Finish(usage=Usage(3, 4)))))
    usage = events[-1][1]["response"]["usage"]
    assert usage.items() >= {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}.items()


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_was_cut_short_is_incomplete(reason, why):
    name, payload = read(responses(Tokens("a", Finish(reason=reason))))[-1]
    assert name == "response.incomplete"
    assert payload["response"]["status"] == "incomplete"
    assert payload["response"]["incomplete_details"] == {"reason": why}


def test_an_error_is_a_failed_response_with_what_there_is():
    name, payload = read(responses(Tokens("a", ValueError("secret"))))[-1]
    assert name == "response.failed"
    response = payload["response"]
    assert response["status"] == "failed"
    assert response["error"]["code"] == "server_error"
    (item,) = response["output"]
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "a")


def test_events_are_passed_through_up_to_the_last_one():
    events = [{"type": "response.created", "n": 0}, {"type": "response.completed", "n": 1}]
    tokens = Tokens(*events, "never")
    assert read(responses(tokens)) == [(event["type"], event) for event in events]
    assert tokens.closed
    assert tokens.items == ["never"]


def test_events_that_end_without_the_last_one_are_an_error():
    assert names(responses(Tokens({"type": "response.created"})))[-1] == "response.failed"


def test_ids_are_made_if_they_are_not_given():
    (_, first), *_ = read(openai_responses_stream(["a"], model="m"))
    (_, other), *_ = read(openai_responses_stream(["a"], model="m"))
    assert first["response"]["id"].startswith("resp_")
    assert first["response"]["id"] != other["response"]["id"]


def test_a_failure_after_passed_events_goes_on_with_their_number_and_response(caplog):
    passed = {
        "type": "response.created",
        "sequence_number": 7,
        "response": {"id": "theirs", "model": "big"},
    }
    _, (name, failed) = read(responses(Tokens(passed, RuntimeError())))
    assert (name, failed["sequence_number"]) == ("response.failed", 8)
    assert (failed["response"]["id"], failed["response"]["model"]) == ("theirs", "big")
