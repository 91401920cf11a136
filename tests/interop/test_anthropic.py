"""The anthropic SDK for Python, sync and async."""

import asyncio
import contextlib

import anthropic
import app as judged
import pytest
from anthropic.types import RawMessageStreamEvent
from either import awaited, items, opened, run
from pydantic import TypeAdapter

from ai_helpers import parsed

TEXT = "".join(judged.TEXT)
REQUEST = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(params=["sync", "async"])
def client(request):
    return request.param


@pytest.fixture
def api(base, client):
    """Return a function that opens a client for a scenario, as an async context."""
    cls = anthropic.Anthropic if client == "sync" else anthropic.AsyncAnthropic

    @contextlib.asynccontextmanager
    async def connect(scenario):
        url = f"{base}/anthropic-{client}/{scenario}"
        connected = cls(base_url=url, api_key="x", max_retries=0, timeout=20)
        try:
            yield connected
        finally:
            await awaited(connected.close())

    return connect


async def message(api, scenario):
    """Read a message with the SDK's own accumulator."""
    async with api(scenario) as client, opened(client.messages.stream(**REQUEST)) as stream:
        return await awaited(stream.get_final_message())


async def events(api, scenario):
    async with api(scenario) as client:
        stream = await awaited(client.messages.create(**REQUEST, stream=True))
        async for event in items(stream):
            yield event


def test_a_message_is_read_whole(api):
    answer = run(message(api, "conversation"))
    (block,) = answer.content
    assert (block.type, block.text) == ("text", TEXT)
    assert (answer.id, answer.role, answer.model) == ("msg_1", "assistant", "m")
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 4)


def test_a_message_with_a_pause_is_read_whole(api):
    assert run(message(api, "pause")).content[0].text == "before, after"


def test_a_tool_call_is_put_together(api):
    answer = run(message(api, "tool"))
    text, call = answer.content
    assert text.text == "Let me look."
    assert (call.type, call.id, call.name) == ("tool_use", "call_1", "get_weather")
    assert call.input == {"city": "Paris", "unit": "celsius"}
    assert answer.stop_reason == "tool_use"


def test_an_error_raises_after_what_came_before(api):
    seen = []

    async def main():
        async for event in events(api, "error"):
            seen.append(event.type)  # noqa: PERF401  # what came before is kept

    with pytest.raises(anthropic.APIStatusError, match="An error occurred") as raised:
        run(main())
    assert seen == ["message_start", "content_block_start", "content_block_delta"]
    assert raised.value.body["error"]["type"] == "api_error"
    assert "secret" not in str(raised.value.body)


def test_leaving_a_stream_ends_the_generator(api, client, was_closed):
    async def main():
        async with api("endless") as connected:
            stream = await awaited(connected.messages.create(**REQUEST, stream=True))
            iterator = items(stream)
            for _ in range(10):
                await anext(iterator)
            await awaited(stream.close())
            await asyncio.to_thread(was_closed, f"/anthropic-{client}/endless/v1/messages")

    run(main())


@pytest.mark.parametrize("scenario", ["conversation", "pause", "tool"])
def test_every_payload_is_of_the_sdks_types(server, scenario):
    adapter = TypeAdapter(RawMessageStreamEvent)
    body = server.request(f"/x/{scenario}/v1/messages").body
    payloads = [payload for _, payload in parsed(body)]
    pings = [payload for payload in payloads if payload == {"type": "ping"}]
    assert len(pings) >= (3 if scenario == "pause" else 0)
    for payload in payloads:
        if payload in pings:
            continue
        value = adapter.validate_python(payload, strict=True)
        assert value.to_dict() == payload
        assert not value.__pydantic_extra__
