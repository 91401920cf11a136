"""The clients from npm. Each runs once, in Node, through all scenarios; see `clients/`."""

import app as judged
import pytest

from ai_helpers import parsed, without_random_ids
from receiver import receive

TEXT = "".join(judged.TEXT)
ARGUMENTS = "".join(judged.ARGUMENTS)
INPUT = {"city": "Paris", "unit": "celsius"}
ERROR = "An error occurred while the answer was generated."


class TestOpenAI:
    @pytest.fixture
    def results(self, node):
        return node("openai")

    def test_a_chat_is_read_whole(self, results):
        completion = results["chat"]["conversation"]
        (choice,) = completion["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == (TEXT, "stop")
        assert completion["usage"]["total_tokens"] == 7

    def test_a_chat_with_a_pause_gives_no_empty_chunk(self, results):
        (choice,) = results["chat"]["pause"]["choices"]
        assert choice["message"]["content"] == "before, after"
        deltas = [chunk["choices"][0]["delta"] for chunk in results["chat"]["chunks"]]
        assert [delta.get("content") for delta in deltas] == ["", "before", ", after", None]

    def test_a_chats_tool_call_is_put_together(self, results):
        (choice,) = results["chat"]["tool"]["choices"]
        (call,) = choice["message"]["tool_calls"]
        assert call["id"] == "call_1"
        assert call["function"] == {"name": "get_weather", "arguments": ARGUMENTS}
        assert choice["finish_reason"] == "tool_calls"

    def test_an_error_in_a_chat_raises_after_what_came_before(self, results):
        failed = results["chat"]["error"]
        assert (failed["raised"], failed["seen"]) == (True, ["", "before"])
        assert failed["message"] == ERROR
        assert failed["body"]["type"] == "server_error"

    def test_a_response_is_read_whole(self, results):
        response = results["responses"]["conversation"]
        assert (response["output_text"], response["status"]) == (TEXT, "completed")
        assert response["usage"]["total_tokens"] == 7

    def test_a_response_with_a_pause_is_read_whole(self, results):
        assert results["responses"]["pause"]["output_text"] == "before, after"

    def test_a_responses_tool_call_is_put_together(self, results):
        message, call = results["responses"]["tool"]["output"]
        assert message["content"][0]["text"] == "Let me look."
        assert (call["type"], call["call_id"], call["name"], call["arguments"]) == (
            "function_call",
            "call_1",
            "get_weather",
            ARGUMENTS,
        )

    def test_an_error_in_a_response_is_a_failed_response(self, results):
        event = results["responses"]["error"]
        assert event["type"] == "response.failed"
        assert event["response"]["error"] == {"code": "server_error", "message": ERROR}

    def test_an_error_at_first_is_an_error_as_well(self, results):
        response = results["responses"]["failing_at_first"]
        assert (response["status"], response["error"]["message"]) == ("failed", ERROR)
        assert results["chat"]["failing_at_first"]["message"] == ERROR

    @pytest.mark.parametrize("path", ["v1/chat/completions", "v1/responses"])
    def test_leaving_a_stream_ends_the_generator(self, results, was_closed, path):
        assert len(results["chat"]["endless"]) == 5
        assert len(results["responses"]["endless"]) == 7
        was_closed(f"/openai/endless/{path}")


class TestAnthropic:
    @pytest.fixture
    def results(self, node):
        return node("anthropic")["messages"]

    def test_a_message_is_read_whole(self, results):
        message = results["conversation"]
        assert message["content"] == [{"type": "text", "text": TEXT}]
        assert message["stop_reason"] == "end_turn"
        assert message["usage"] == {"input_tokens": 3, "output_tokens": 4}

    def test_a_message_with_a_pause_is_read_whole(self, results):
        assert results["pause"]["content"][0]["text"] == "before, after"

    def test_a_tool_call_is_put_together(self, results):
        text, call = results["tool"]["content"]
        assert text["text"] == "Let me look."
        assert call == {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": INPUT}
        assert results["tool"]["stop_reason"] == "tool_use"

    def test_an_error_raises_after_what_came_before(self, results):
        failed = results["error"]
        assert failed["raised"]
        assert failed["seen"] == ["message_start", "content_block_start", "content_block_delta"]
        assert failed["body"]["error"] == {"type": "api_error", "message": ERROR}

    def test_leaving_a_stream_ends_the_generator(self, results, was_closed):
        assert len(results["endless"]) == 5
        was_closed("/anthropic/endless/v1/messages")


class TestAISDK:
    @pytest.fixture
    def results(self, node):
        return node("ai")

    def test_a_chat_is_read_whole(self, results):
        answer = results["chat"]["conversation"]
        assert (answer["text"], answer["finishReason"]) == (TEXT, "stop")
        assert (answer["usage"]["inputTokens"], answer["usage"]["outputTokens"]) == (3, 4)

    def test_a_chat_with_a_pause_is_read_whole(self, results):
        assert results["chat"]["pause"]["text"] == "before, after"

    def test_a_chats_tool_call_is_put_together(self, results):
        (call,) = results["chat"]["tool"]["toolCalls"]
        assert (call["toolCallId"], call["toolName"]) == ("call_1", "get_weather")
        assert call["input"] == INPUT
        assert results["chat"]["tool"]["finishReason"] == "tool-calls"

    def test_an_error_in_a_chat_is_an_error_part(self, results):
        parts = results["chat"]["error"]
        assert [part["text"] for part in parts if part["type"] == "text-delta"] == ["before"]
        (error,) = [part["error"] for part in parts if part["type"] == "error"]
        assert error["message"] == ERROR
        assert parts[-1]["finishReason"] == "error"

    def test_a_ui_message_is_read_whole(self, results):
        answer = results["ui"]["conversation"]
        parts = [{"type": "step-start"}, {"type": "text", "text": TEXT, "state": "done"}]
        assert answer == {
            "message": {"id": "ui-1", "role": "assistant", "parts": parts},
            "errors": [],
        }

    def test_a_ui_message_with_a_pause_is_read_whole(self, results):
        answer = results["ui"]["pause"]
        assert answer["message"]["parts"][1]["text"] == "before, after"
        assert answer["errors"] == []

    def test_a_ui_messages_tool_call_is_put_together(self, results):
        call = results["ui"]["tool"]["message"]["parts"][2]
        assert call == {
            "type": "tool-get_weather",
            "toolCallId": "call_1",
            "state": "input-available",
            "input": INPUT,
        }

    def test_an_error_in_a_ui_message_is_told_after_what_came_before(self, results):
        answer = results["ui"]["error"]
        assert answer["errors"] == [ERROR]
        assert answer["message"]["parts"][1] == {"type": "text", "text": "before", "state": "done"}

    @pytest.mark.parametrize("path", ["v1/chat/completions", "ui"])
    def test_leaving_a_stream_ends_the_generator(self, results, was_closed, path):
        assert results["chat"]["endless"][:3] == ["token "] * 3
        assert len(results["ui"]["endless"]) >= 5
        was_closed(f"/ai/endless/{path}")


@pytest.mark.parametrize("scenario", ["conversation", "pause", "error"])
def test_ui_messages_are_what_the_ai_sdks_own_server_sends(node, server, scenario):
    """But for ids, and for the words about an error."""
    theirs = parsed(node("ui_server")["ui"][scenario].encode())
    ours = parsed(server.request(f"/x/{scenario}/ui").body)
    assert [without(payload) for _, payload in ours] == [without(payload) for _, payload in theirs]


def without(payload):
    ids = ("id", "messageId", "errorText")
    return payload if payload == "[DONE]" else {k: v for k, v in payload.items() if k not in ids}


@pytest.mark.parametrize("client", ["eventsource", "eventsource-parser", "fetch-event-source"])
class TestGeneric:
    @pytest.fixture
    def results(self, node):
        return node("generic")

    @pytest.mark.parametrize("scenario", ["conversation", "pause", "tool", "error"])
    @pytest.mark.parametrize("path", judged.PROTOCOLS)
    def test_the_events_are_those_of_the_standard(self, results, server, client, scenario, path):
        seen = results[client][f"{scenario}/{path}"]
        body = server.request(f"/raw/{scenario}/{path}").body
        expected = [(message.type, message.data) for message in receive(body).messages]
        assert comparable(seen) == comparable(expected)
        if (scenario, path) == ("pause", "v1/messages"):
            assert sum(name == "ping" for name, _ in seen) >= 3
        if scenario == "conversation":
            assert len(seen) > len(judged.TEXT)

    @pytest.mark.parametrize("path", judged.PROTOCOLS)
    def test_leaving_a_stream_ends_the_generator(self, results, was_closed, client, path):
        assert len(results[client][f"endless/{path}"]) == 8
        was_closed(f"/generic-{client}/endless/{path}")


def comparable(events):
    """Leave out pings, which depend on time, and the random ids of a response's items."""
    return [(name, without_random_ids(data)) for name, data in events if name != "ping"]
