"""The AI SDK's UI message stream."""

import pytest

from ai_helpers import Tokens, names, read, ui
from eventwire.ai import Finish, ToolCall


def chunk(name, **fields):
    return ("message", {"type": name, **fields})


OPENING = [chunk("start", messageId="u"), chunk("start-step")]
DONE = ("message", "[DONE]")


def ends(reason):
    return [chunk("finish-step"), chunk("finish", finishReason=reason), DONE]


def test_text_is_one_part_from_start_to_done():
    assert read(ui(Tokens("Hé", "llo"))) == [
        *OPENING,
        chunk("text-start", id="text-1"),
        chunk("text-delta", id="text-1", delta="Hé"),
        chunk("text-delta", id="text-1", delta="llo"),
        chunk("text-end", id="text-1"),
        *ends("stop"),
    ]


def test_a_tool_call_gives_its_whole_input_when_it_is_complete():
    pieces = [ToolCall(id="x", name="f", arguments='{"a":'), ToolCall(id="x", arguments="1}")]
    which = {"toolCallId": "x", "toolName": "f"}
    assert read(ui(Tokens("a", *pieces, "b")))[3:-3] == [
        chunk("text-delta", id="text-1", delta="a"),
        chunk("text-end", id="text-1"),
        chunk("tool-input-start", **which),
        chunk("tool-input-delta", toolCallId="x", inputTextDelta='{"a":'),
        chunk("tool-input-delta", toolCallId="x", inputTextDelta="1}"),
        chunk("tool-input-available", **which, input={"a": 1}),
        chunk("text-start", id="text-2"),
        chunk("text-delta", id="text-2", delta="b"),
        chunk("text-end", id="text-2"),
    ]


def test_arguments_that_are_not_json_are_an_error_of_the_call():
    events = read(ui(Tokens(ToolCall(id="x", name="f", arguments="{"))))
    assert events[-4:] == [
        chunk(
            "tool-input-error",
            toolCallId="x",
            toolName="f",
            input="{",
            errorText="The arguments of the tool call are not JSON.",
        ),
        *ends("tool-calls"),
    ]


@pytest.mark.parametrize("arguments", ["", " ", "\n"])
def test_a_call_without_arguments_has_an_empty_input(arguments):
    events = read(ui(Tokens(ToolCall(id="x", name="f", arguments=arguments))))
    assert events[-4] == chunk("tool-input-available", toolCallId="x", toolName="f", input={})


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
def test_the_finish_reason_is_said_in_the_ai_sdks_words(reason):
    events = read(ui(Tokens("a", Finish(reason=reason))))
    assert events[-3:] == ends(reason.replace("_", "-"))


def test_an_error_is_an_error_chunk_and_the_end():
    events = read(ui(Tokens("a", ValueError("secret"))))
    text = "An error occurred while the answer was generated."
    error = chunk("error", errorText=text)
    assert events[-5:] == [error, chunk("text-end", id="text-1"), *ends("error")]
    assert read(ui(Tokens(ValueError("secret")))) == [error, DONE]
    call = ToolCall(id="x", name="f")
    assert read(ui(Tokens(call, ValueError("secret"))))[-4:] == [error, *ends("error")]


def test_data_and_sources_stand_among_text():
    data = {"type": "data-weather", "data": {"c": 20}}
    assert names(ui(Tokens(data, "a", data, "b"))) == [
        "start",
        "start-step",
        "data-weather",
        "text-start",
        "text-delta",
        "data-weather",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
        "[DONE]",
    ]


@pytest.mark.parametrize("last", ["finish", "abort"])
def test_chunks_are_passed_through_up_to_the_last_one(last):
    chunks = [{"type": "start", "messageId": "theirs"}, {"type": last}]
    tokens = Tokens(*chunks, "never")
    assert read(ui(tokens)) == [*(("message", each) for each in chunks), DONE]
    assert tokens.closed
    assert tokens.items == ["never"]


def test_chunks_that_end_without_a_finish_are_an_error():
    assert names(ui(Tokens({"type": "start"}))) == [
        "start",
        "error",
        "finish-step",
        "finish",
        "[DONE]",
    ]


def test_a_passed_error_is_not_said_twice():
    passed = [{"type": "start"}, {"type": "error", "errorText": "x"}]
    assert names(ui(Tokens(*passed))) == ["start", "error", "[DONE]"]


@pytest.mark.parametrize("last", ["tool-output-available", "tool-output-error"])
def test_a_call_is_complete_before_its_output_is_passed_through(last):
    output = {"type": last, "toolCallId": "x"}
    events = names(ui(Tokens(ToolCall(id="x", name="f", arguments="{}"), output, "b")))
    assert events[2:6] == [
        "tool-input-start",
        "tool-input-delta",
        "tool-input-available",
        last,
    ]
    assert events.count("tool-input-available") == 1


@pytest.mark.parametrize("name", ["tool-input-available", "tool-input-error"])
def test_a_passed_input_of_the_open_call_is_the_one(name):
    passed = {"type": name, "toolCallId": "x", "toolName": "f", "input": {}}
    events = names(ui(Tokens(ToolCall(id="x", name="f", arguments="{}"), passed)))
    assert events[2:] == [
        "tool-input-start",
        "tool-input-delta",
        name,
        "finish-step",
        "finish",
        "[DONE]",
    ]


def test_what_is_about_another_call_leaves_the_open_one_open():
    items = [
        ToolCall(id="x", name="f", arguments="{"),
        {"type": "tool-output-available", "toolCallId": "y"},
    ]
    events = names(ui(Tokens(*items, ToolCall(id="x", arguments="}"))))
    assert events[2:7] == [
        "tool-input-start",
        "tool-input-delta",
        "tool-output-available",
        "tool-input-delta",
        "tool-input-available",
    ]


@pytest.mark.parametrize("name", ["finish-step", "finish", "abort"])
@pytest.mark.parametrize("first", ["text", ToolCall(id="x", name="f")], ids=["text", "call"])
def test_a_passed_end_comes_after_the_end_of_what_is_open(name, first):
    events = names(ui(Tokens(first, {"type": name})))
    ending = "text-end" if first == "text" else "tool-input-available"
    assert events.index(ending) == events.index(name) - 1
    assert events.count(ending) == 1
