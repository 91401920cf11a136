"""The openai SDK for Python: sync and async, chat completions and responses."""

import asyncio
import contextlib
import json

import app as judged
import openai
import pytest
from either import awaited, items, opened, run
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from ai_helpers import parsed

TEXT = "".join(judged.TEXT)
MESSAGES = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "m", "messages": MESSAGES}
RESPONSE = {"model": "m", "input": "Hi"}


@pytest.fixture(params=["sync", "async"])
def client(request):
    return request.param


@pytest.fixture
def api(base, client):
    """Return a function that opens a client for a scenario, as an async context."""
    cls = openai.OpenAI if client == "sync" else openai.AsyncOpenAI

    @contextlib.asynccontextmanager
    async def connect(scenario):
        url = f"{base}/openai-{client}/{scenario}/v1"
        connected = cls(base_url=url, api_key="x", max_retries=0, timeout=20)
        try:
            yield connected
        finally:
            await awaited(connected.close())

    return connect


async def chat(api, scenario):
    """Read a chat with the SDK's own accumulator."""
    async with api(scenario) as client:
        create = client.chat.completions.stream
        manager = create(**CHAT, stream_options={"include_usage": True})
        async with opened(manager) as stream:
            return await awaited(stream.get_final_completion())


async def response(api, scenario):
    """Read a response with the SDK's own accumulator; return the last event."""
    async with api(scenario) as client, opened(client.responses.stream(**RESPONSE)) as stream:
        return [event async for event in items(stream)][-1]


async def chunks(api, scenario):
    """Yield the chunks of a chat as they come."""
    async with api(scenario) as client:
        stream = await awaited(client.chat.completions.create(**CHAT, stream=True))
        async for chunk in items(stream):
            yield chunk


def test_a_chat_is_read_whole(api):
    completion = run(chat(api, "conversation"))
    (choice,) = completion.choices
    assert (choice.message.role, choice.message.content) == ("assistant", TEXT)
    assert choice.finish_reason == "stop"
    assert (completion.id, completion.model, completion.created) == ("chatcmpl-1", "m", 1)
    assert completion.usage.to_dict() == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
    }


def test_a_chat_with_a_pause_gives_no_empty_chunk(api):
    async def main():
        return [chunk.choices[0].delta.content async for chunk in chunks(api, "pause")]

    assert run(main()) == ["", "before", ", after", None]


def test_a_chats_tool_call_is_put_together(api):
    (choice,) = run(chat(api, "tool")).choices
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name) == ("call_1", "get_weather")
    assert call.function.arguments == "".join(judged.ARGUMENTS)
    assert (choice.message.content, choice.finish_reason) == ("Let me look.", "tool_calls")


def test_an_error_in_a_chat_raises_after_what_came_before(api):
    seen = []

    async def main():
        async for chunk in chunks(api, "error"):
            seen.append(chunk.choices[0].delta.content)  # noqa: PERF401  # kept at the error

    with pytest.raises(openai.APIError, match="An error occurred while the answer") as raised:
        run(main())
    assert seen == ["", "before"]
    assert raised.value.type == "server_error"
    assert "secret" not in str(raised.value.body)


@pytest.mark.parametrize("protocol", ["chat/completions", "responses"])
def test_leaving_a_stream_ends_the_generator(api, client, protocol, was_closed):
    async def main():
        async with api("endless") as connected:
            chats = protocol == "chat/completions"
            create = connected.chat.completions.create if chats else connected.responses.create
            stream = await awaited(create(**(CHAT if chats else RESPONSE), stream=True))
            iterator = items(stream)
            for _ in range(10):
                await anext(iterator)
            await awaited(stream.close())
            await asyncio.to_thread(was_closed, f"/openai-{client}/endless/v1/{protocol}")

    run(main())


def test_a_response_is_read_whole(api):
    event = run(response(api, "conversation"))
    assert event.type == "response.completed"
    assert event.response.output_text == TEXT
    assert (event.response.id, event.response.status) == ("resp_1", "completed")
    usage = event.response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 4, 7)


def test_a_response_with_a_pause_is_read_whole(api):
    assert run(response(api, "pause")).response.output_text == "before, after"


def test_a_responses_tool_call_is_put_together(api):
    message, call = run(response(api, "tool")).response.output
    assert message.content[0].text == "Let me look."
    assert (call.type, call.call_id, call.name) == ("function_call", "call_1", "get_weather")
    assert json.loads(call.arguments) == {"city": "Paris", "unit": "celsius"}


def test_an_error_in_a_response_is_a_failed_response(api):
    event = run(response(api, "error"))
    assert event.type == "response.failed"
    assert (event.response.status, event.response.error.code) == ("failed", "server_error")
    assert "secret" not in event.to_json()


def test_an_error_at_first_is_an_error_as_well(api):
    event = run(response(api, "failing_at_first"))
    assert (event.type, event.response.error.code) == ("response.failed", "server_error")
    with pytest.raises(openai.APIError, match="An error occurred while the answer"):
        run(chat(api, "failing_at_first"))


@pytest.mark.parametrize("scenario", ["conversation", "pause", "tool"])
@pytest.mark.parametrize(
    ("path", "type_"),
    [("chat/completions", ChatCompletionChunk), ("responses", ResponseStreamEvent)],
)
def test_every_payload_is_of_the_sdks_types(server, scenario, path, type_):
    adapter = TypeAdapter(type_)
    body = server.request(f"/x/{scenario}/v1/{path}").body
    payloads = [payload for _, payload in parsed(body) if payload != "[DONE]"]
    assert len(payloads) > 3
    for payload in payloads:
        value = adapter.validate_python(payload, strict=True)
        # The types of the SDK for JavaScript demand the name, those for Python do not know it.
        known = {"name"} if payload.get("type", "").endswith("arguments.done") else set()
        assert extras(value).keys() <= known, payload
        assert value.to_dict() == payload


def extras(value):
    """Return the fields that an SDK's object does not know, at any depth."""
    found = dict(getattr(value, "__pydantic_extra__", None) or {})
    for part in vars(value).values():
        for each in part if isinstance(part, list) else [part]:
            if hasattr(each, "__pydantic_extra__"):
                found |= extras(each)
    return found
