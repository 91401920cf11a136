"""A server that Anthropic's clients understand: ``POST /v1/messages``, streamed or not.

    python examples/anthropic_server.py

With the SDK: ``Anthropic(base_url="http://127.0.0.1:8000", api_key="none")``.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from eventwire.ai import Finish, Usage, anthropic_messages_stream

app = FastAPI()


class Block(BaseModel):
    """A block of a message; what is not text is not heard."""

    type: str
    text: str = ""


class Message(BaseModel):
    """A message of the conversation."""

    role: str
    content: str | list[Block]

    @property
    def text(self) -> str:
        """All text in it."""
        if isinstance(self.content, str):
            return self.content
        return " ".join(block.text for block in self.content)


class MessagesRequest(BaseModel):
    """The body of a request; other fields are ignored."""

    model: str
    max_tokens: Annotated[int, Field(ge=1)]
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False


@app.exception_handler(RequestValidationError)
def not_understood(request: Request, error: RequestValidationError) -> Response:
    """Say in Anthropic's form which part of a request was wrong."""
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"][1:])
    wrong = {"type": "invalid_request_error", "message": f"{where}: {first['msg']}"}
    return JSONResponse({"type": "error", "error": wrong}, 400)


async def parrot(words: list[str], limit: int) -> AsyncIterator[str | Finish]:
    """Stand for a model: say the words again, as many as are allowed."""
    said = words[:limit]
    for word in said:
        yield f"{word} "
        await asyncio.sleep(0.02)
    yield Finish(
        reason="stop" if len(said) == len(words) else "length",
        usage=Usage(input_tokens=len(words), output_tokens=len(said)),
    )


@app.post("/v1/messages")
async def messages(request: MessagesRequest) -> Response:
    """Answer the last message."""
    words = request.messages[-1].text.split()
    if request.stream:
        stream = anthropic_messages_stream(
            parrot(words, request.max_tokens), model=request.model, input_tokens=len(words)
        )
        # In a pause longer than this the client gets an `event: ping`.
        return stream.response(ping_interval=5.0)
    said = words[: request.max_tokens]
    answer: dict[str, Any] = {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [{"type": "text", "text": "".join(f"{word} " for word in said)}],
        "stop_reason": "end_turn" if len(said) == len(words) else "max_tokens",
        "stop_sequence": None,
        "usage": {"input_tokens": len(words), "output_tokens": len(said)},
    }
    return JSONResponse(answer)


if __name__ == "__main__":
    uvicorn.run(app)
