"""langchain-openai, which sits on the openai SDK."""

import asyncio

import app as judged
import openai
import pytest
from either import run
from langchain_openai import ChatOpenAI

TEXT = "".join(judged.TEXT)


@pytest.fixture(params=["chat/completions", "responses"])
def protocol(request):
    return request.param


@pytest.fixture
def model(base, protocol):
    """Return a function that makes a chat model for a scenario."""

    def make(scenario):
        return ChatOpenAI(
            base_url=f"{base}/langchain/{scenario}/v1",
            api_key="x",
            model="m",
            max_retries=0,
            timeout=20,
            use_responses_api=protocol == "responses",
        )

    return make


def whole(chunks):
    message = chunks[0]
    for chunk in chunks[1:]:
        message += chunk
    return message


def test_a_conversation_is_read_whole(model):
    message = whole(list(model("conversation").stream("Hi")))
    assert message.text == TEXT
    assert message.usage_metadata["total_tokens"] == 7


def test_a_conversation_with_a_pause_is_read_whole(model):
    assert whole(list(model("pause").stream("Hi"))).text == "before, after"


def test_a_tool_call_is_put_together(model):
    message = whole(list(model("tool").stream("Hi")))
    (call,) = message.tool_calls
    assert (call["id"], call["name"]) == ("call_1", "get_weather")
    assert call["args"] == {"city": "Paris", "unit": "celsius"}


def test_an_error_raises(model, protocol):
    kind = openai.APIError if protocol == "chat/completions" else ValueError
    with pytest.raises(kind, match="An error occurred while the answer was generated"):
        list(model("error").stream("Hi"))


def test_leaving_a_stream_ends_the_generator(model, protocol, was_closed):
    async def main():
        stream = model("endless").astream("Hi")
        for _ in range(3):
            await anext(stream)
        await stream.aclose()
        await asyncio.to_thread(was_closed, f"/langchain/endless/v1/{protocol}")

    run(main())
