"""OpenAI's chat completions."""

import pytest
from pydantic import BaseModel, Field

from ai_helpers import Tokens, chat, names, read, sync_tokens
from eventwire.ai import Finish, ToolCall, Usage, openai_chat_stream

BASE = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(delta, reason=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return ("message", {**BASE, "choices": [choice], **more})


@pytest.mark.parametrize("make", [Tokens, lambda *items: sync_tokens(items), lambda *items: items])
def test_text_becomes_role_deltas_finish_and_done(make):
    assert read(chat(make("Hé", "", "llo\n"))) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hé"}),
        chunk({"content": "llo\n"}),
        chunk({}, "stop"),
        ("message", "[DONE]"),
    ]


def test_include_usage_gives_a_last_chunk_with_it_and_null_before():
    events = read(chat(Tokens("a", Finish(usage=Usage(3, 4))), include_usage=True))
    assert events == [
        chunk({"role": "assistant", "content": ""}, usage=None),
        chunk({"content": "a"}, usage=None),
        chunk({}, "stop", usage=None),
        (
            "message",
            {
                **BASE,
                "choices": [],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
            },
        ),
        ("message", "[DONE]"),
    ]


def test_usage_that_nobody_asked_for_is_not_sent():
    assert names(chat(Tokens("a", Finish(usage=Usage(3, 4))))) == [
        "role+content",
        "content",
        "stop",
        "[DONE]",
    ]


def test_usage_that_is_not_known_is_not_invented():
    assert names(chat(Tokens("a"), include_usage=True))[-2:] == ["stop", "[DONE]"]


def test_tool_calls_are_numbered_and_may_come_by_turns():
    calls = [
        ToolCall(id="x", name="f", arguments='{"a":'),
        ToolCall(id="y", name="g"),
        ToolCall(id="x", arguments="1}"),
    ]

    def call(index, **more):
        return chunk({"tool_calls": [{"index": index, **more}]})

    assert read(chat(Tokens(*calls))) == [
        chunk({"role": "assistant", "content": None}),
        call(0, id="x", type="function", function={"name": "f", "arguments": ""}),
        call(0, function={"arguments": '{"a":'}),
        call(1, id="y", type="function", function={"name": "g", "arguments": ""}),
        call(0, function={"arguments": "1}"}),
        call(1, function={"arguments": "{}"}),  # JSON also where a model writes none
        chunk({}, "tool_calls"),
        ("message", "[DONE]"),
    ]


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
def test_the_finish_reason_is_the_one_that_was_given(reason):
    assert names(chat(Tokens("a", Finish(reason=reason))))[-2:] == [reason, "[DONE]"]


def test_an_error_is_a_payload_with_error_and_no_done():
    events = read(chat(Tokens("a", ValueError("secret"))))
    assert events[-2:] == [
        chunk({"content": "a"}),
        (
            "message",
            {
                "error": {
                    "message": "An error occurred while the answer was generated.",
                    "type": "server_error",
                    "param": None,
                    "code": None,
                }
            },
        ),
    ]


def test_ids_and_times_are_made_if_they_are_not_given():
    (_, first), *_ = read(openai_chat_stream(["a"], model="m"))
    (_, other), *_ = read(openai_chat_stream(["a"], model="m"))
    assert first["id"].startswith("chatcmpl-")
    assert first["id"] != other["id"]
    assert first["created"] > 1_700_000_000


class Chunk(BaseModel):
    id: str = "own"
    object: str = "chat.completion.chunk"
    choices: list[dict] = []
    async_: bool = Field(default=True, alias="async")


def foreign(delta, reason=None, index=0):
    return {"id": "f", "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def test_chunks_are_passed_through_as_they_are():
    chunks = [foreign({"role": "assistant"}), foreign({"content": "a"}), foreign({}, "stop")]
    usage = {"id": "f", "choices": [], "usage": {"total_tokens": 1}}
    events = read(chat(Tokens(*chunks, usage)))
    assert events == [("message", c) for c in [*chunks, usage]] + [("message", "[DONE]")]


def test_a_model_is_passed_through_with_its_defaults_and_aliases():
    model = Chunk(choices=foreign({}, "stop")["choices"])
    assert read(chat(Tokens(model))) == [
        ("message", model.model_dump(by_alias=True)),
        ("message", "[DONE]"),
    ]


def test_text_after_chunks_goes_on_and_is_finished():
    events = read(chat(Tokens(foreign({"reasoning_content": "hm"}), "a")))
    assert events == [
        ("message", foreign({"reasoning_content": "hm"})),
        chunk({"content": "a"}),
        chunk({}, "stop"),
        ("message", "[DONE]"),
    ]


def test_a_chunk_without_choices_is_no_finish():
    filtered = {"id": "f", "choices": [], "prompt_filter_results": []}  # Azure's first one
    assert read(chat(Tokens(filtered, "a")))[1:] == [
        chunk({"content": "a"}),
        chunk({}, "stop"),
        ("message", "[DONE]"),
    ]


def test_choices_that_begin_after_another_is_finished_are_to_be_finished_too():
    late = [foreign({}, "stop"), foreign({"content": "b"}, index=1)]
    assert names(chat(Tokens(*late)))[-1] == "error"


def test_chunks_that_end_without_a_finish_are_an_error():
    assert names(chat(Tokens(foreign({"content": "a"})))) == ["content", "error"]


def test_several_choices_are_finished_when_all_are():
    half = [foreign({"content": "a"}), foreign({"content": "b"}, index=1), foreign({}, "stop")]
    assert names(chat(Tokens(*half)))[-1] == "error"
    assert names(chat(Tokens(*half, foreign({}, "stop", index=1))))[-2:] == ["stop", "[DONE]"]


def test_a_passed_error_ends_the_stream():
    tokens = Tokens(foreign({"content": "a"}), {"error": {"message": "over"}}, "never")
    assert names(chat(tokens)) == ["content", "error"]
    assert tokens.items == ["never"]


@pytest.mark.parametrize("late", ["text", ToolCall(id="x", name="f"), Finish()], ids=type)
def test_what_comes_after_a_passed_finish_is_an_error(late):
    assert names(chat(Tokens("a", foreign({}, "stop"), late)))[-2:] == ["stop", "error"]
