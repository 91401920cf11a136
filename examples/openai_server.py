"""A server that OpenAI's clients understand: chat completions and responses, streamed or not.

    python examples/openai_server.py
    curl -N 127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \
      -d '{"model": "parrot", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'

With the SDK: ``OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")``.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from eventwire.ai import Finish, Usage, openai_chat_stream, openai_responses_stream

app = FastAPI()


class Part(BaseModel):
    """A part of a message; what is not text is not heard."""

    type: str
    text: str = ""


class Message(BaseModel):
    """A message of the conversation; one that only calls tools has no content."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """All text in it."""
        if isinstance(self.content, list):
            return " ".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What else a stream is to contain."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of a chat completion; other fields are ignored."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None


class ResponsesRequest(BaseModel):
    """The body of a response; other fields are ignored."""

    model: str
    input: str | Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> Response:
    """Say in OpenAI's form what was wrong."""
    return JSONResponse(
        {"error": {"message": error.detail, "type": "invalid_request_error", "code": None}},
        error.status_code,
    )


@app.exception_handler(RequestValidationError)
def not_understood(request: Request, error: RequestValidationError) -> Response:
    """Say which part of a request was wrong, as the 400 that OpenAI's clients expect."""
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"][1:])
    return refused(request, HTTPException(400, f"{where}: {first['msg']}"))


async def parrot(prompt: str) -> AsyncIterator[str | Finish]:
    """Stand for a model: say the prompt again, word by word."""
    words = [f"{word} " for word in prompt.split()]
    for word in words:
        yield word
        await asyncio.sleep(0.02)
    yield Finish(usage=Usage(input_tokens=len(words), output_tokens=len(words)))


async def whole(tokens: AsyncIterator[str | Finish]) -> tuple[str, Usage]:
    """Read an answer to its end."""
    parts, usage = [], Usage(0, 0)
    async for token in tokens:
        if isinstance(token, Finish):
            usage = token.usage or usage
        else:
            parts.append(token)
    return "".join(parts), usage


@app.post("/v1/chat/completions")
async def chat_completions(request: ChatRequest) -> Response:
    """Answer the last message."""
    if request.model != "parrot":
        raise HTTPException(404, f"there is no model {request.model}")
    tokens = parrot(request.messages[-1].text)
    if request.stream:
        options = request.stream_options or StreamOptions()
        include_usage = options.include_usage
        return openai_chat_stream(
            tokens, model=request.model, include_usage=include_usage
        ).response()
    text, usage = await whole(tokens)
    message = {"role": "assistant", "content": text, "refusal": None}
    answer: dict[str, Any] = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    }
    return JSONResponse(answer)


@app.post("/v1/responses")
async def responses(request: ResponsesRequest) -> Response:
    """Answer the input."""
    said = request.input if isinstance(request.input, str) else request.input[-1].text
    tokens = parrot(said)
    if request.stream:
        return openai_responses_stream(tokens, model=request.model).response()
    text, _ = await whole(tokens)
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": f"msg_{uuid.uuid4().hex}", "role": "assistant"}
    answer: dict[str, Any] = {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "model": request.model,
        "output": [{**message, "status": "completed", "content": [part]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return JSONResponse(answer)


if __name__ == "__main__":
    uvicorn.run(app)
