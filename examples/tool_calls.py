"""Tool calls in a stream: their arguments arrive in pieces, as the model writes them.

    python examples/tool_calls.py

The model calls ``get_weather`` first; when the conversation holds the result it answers in words.
The same generator serves OpenAI's chat completions and Anthropic's messages.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from pydantic import BaseModel

from eventwire.ai import ToolCall, anthropic_messages_stream, openai_chat_stream

app = FastAPI()


class Conversation(BaseModel):
    """The part of a request that matters here; messages are OpenAI's or Anthropic's."""

    model: str
    messages: list[dict[str, Any]]


def tool_result(messages: list[dict[str, Any]]) -> str | None:
    """Return what the client's tool said, if the last message tells it."""
    content = messages[-1].get("content")
    if messages[-1]["role"] == "tool":
        return str(content)
    if isinstance(content, list):
        for block in content:
            if block.get("type") == "tool_result":
                return str(block["content"])
    return None


async def model(messages: list[dict[str, Any]]) -> AsyncIterator[str | ToolCall]:
    """Stand for a model with tools."""
    result = tool_result(messages)
    if result is not None:
        for word in ("It ", "is ", f"{result} ", "in ", "Paris."):
            yield word
        return
    yield "Let me look. "
    yield ToolCall(id="call_1", name="get_weather")
    arguments = json.dumps({"city": "Paris", "unit": "celsius"})
    for start in range(0, len(arguments), 8):
        await asyncio.sleep(0.02)
        yield ToolCall(id="call_1", arguments=arguments[start : start + 8])


@app.post("/v1/chat/completions")
async def chat_completions(conversation: Conversation) -> Response:
    """Answer in OpenAI's form; the finish reason is ``tool_calls`` if there were any."""
    return openai_chat_stream(model(conversation.messages), model=conversation.model).response()


@app.post("/v1/messages")
async def messages(conversation: Conversation) -> Response:
    """Answer in Anthropic's form; the stop reason is ``tool_use`` if there were any."""
    return anthropic_messages_stream(
        model(conversation.messages), model=conversation.model
    ).response()


if __name__ == "__main__":
    uvicorn.run(app)
