"""A chat page that reads an answer with ``fetch``, and again with ``EventSource``.

    python examples/chat_page.py     # then open http://127.0.0.1:8000

``fetch`` can POST and ends when the body ends; the page takes the events apart itself. It reads
what OpenAI's clients read: one endpoint serves both.
``EventSource`` can only GET and reconnects whenever a body ends, so the server says when the answer
is over (event ``done``) and the page closes it; a client that comes back all the same, with the
answer's last id, gets 204, which ends EventSource for good.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from eventwire import EventSourceResponse, ServerSentEvent
from eventwire.ai import openai_chat_stream

app = FastAPI()

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<style>
  body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  p { min-height: 1.5em; padding: .5rem; background: #eee; white-space: pre-wrap }
  input { width: 60% }
</style>
<h1>Chat</h1>
<form><input name="prompt" value="Say something nice" autofocus> <button>Send</button></form>
<h2>fetch</h2><p id="fetch"></p>
<h2>EventSource</h2><p id="source"></p>
<script>
  const form = document.querySelector("form")
  const show = (id, text) => { document.getElementById(id).textContent += text }

  async function* events(response) {
    const text = response.body.pipeThrough(new TextDecoderStream())
    let rest = ""
    for await (const chunk of text) {
      const frames = (rest + chunk).split("\\n\\n")
      rest = frames.pop()
      for (const frame of frames) {
        const event = { type: "message", data: [] }
        for (const line of frame.split("\\n")) {
          const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line)
          if (name === "event") event.type = value
          if (name === "data") event.data.push(value)
        }
        if (event.data.length) yield { type: event.type, data: event.data.join("\\n") }
      }
    }
  }

  async function byFetch(prompt) {
    const response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: prompt }] }),
    })
    for await (const { data } of events(response))
      if (data !== "[DONE]") show("fetch", JSON.parse(data).choices[0].delta.content ?? "")
    document.body.dataset.fetch = "done"
  }

  function byEventSource(prompt) {
    const source = new EventSource("/chat?prompt=" + encodeURIComponent(prompt))
    source.addEventListener("token", (event) => show("source", JSON.parse(event.data).text))
    source.addEventListener("done", () => {
      source.close()
      document.body.dataset.source = "done"
    })
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault()
    document.querySelectorAll("p").forEach((p) => { p.textContent = "" })
    byFetch(form.prompt.value)
    byEventSource(form.prompt.value)
  })
</script>
"""


class Message(BaseModel):
    """A message of the conversation."""

    role: str
    content: str


class Conversation(BaseModel):
    """What ``fetch`` sends."""

    messages: Annotated[list[Message], Field(min_length=1)]


async def answer(prompt: str) -> AsyncIterator[str]:
    """Stand for a model: say something, word by word."""
    for word in f"You said: {prompt}. How nice of you!".split():
        yield f"{word} "
        await asyncio.sleep(0.05)


async def numbered(tokens: AsyncIterator[str], seen: int) -> AsyncIterator[ServerSentEvent]:
    """Give each token an id, and leave out those that were seen."""
    number = 0
    async for token in tokens:
        number += 1
        if number > seen:
            yield ServerSentEvent(data={"text": token}, event="token", id=str(number))
    yield ServerSentEvent(data={}, event="done", id="end")


@app.get("/")
async def page() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(PAGE)


@app.post("/v1/chat/completions")
async def chat_completions(conversation: Conversation) -> Response:
    """Answer ``fetch``, or an OpenAI client."""
    tokens = answer(conversation.messages[-1].content)
    return openai_chat_stream(tokens, model="parrot").response()


@app.get("/chat")
async def chat(prompt: str, last_event_id: Annotated[str, Header()] = "") -> Response:
    """Answer ``EventSource``, also when it reconnects in the middle."""
    if last_event_id == "end":
        return Response(status_code=204)
    seen = int(last_event_id) if last_event_id.isdecimal() else 0
    return EventSourceResponse(numbered(answer(prompt), seen))


if __name__ == "__main__":
    uvicorn.run(app)
