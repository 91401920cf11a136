"""A chat page that reads the same answer with ``fetch`` and with ``EventSource``.

    python examples/chat_page.py     # then open http://127.0.0.1:8000

``fetch`` can POST and ends when the body ends; the page takes the events apart itself.
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
from pydantic import BaseModel

from eventwire import EventSourceResponse, ServerSentEvent

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
    const response = await fetch("/chat", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt }),
    })
    for await (const event of events(response))
      if (event.type === "token") show("fetch", JSON.parse(event.data).text)
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


class Question(BaseModel):
    """What ``fetch`` sends."""

    prompt: str


async def answer(prompt: str, seen: int = 0) -> AsyncIterator[ServerSentEvent]:
    """Say something, word by word, from the first word that was not seen."""
    words = f"You said: {prompt}. How nice of you!".split()
    for number, word in enumerate(words, 1):
        if number > seen:
            yield ServerSentEvent(data={"text": f"{word} "}, event="token", id=str(number))
            await asyncio.sleep(0.05)
    yield ServerSentEvent(data={}, event="done", id="end")


@app.get("/")
async def page() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(PAGE)


@app.post("/chat")
async def chat(question: Question) -> Response:
    """Answer ``fetch``."""
    return EventSourceResponse(answer(question.prompt))


@app.get("/chat")
async def chat_again(prompt: str, last_event_id: Annotated[str, Header()] = "") -> Response:
    """Answer ``EventSource``, also when it reconnects in the middle."""
    if last_event_id == "end":
        return Response(status_code=204)
    seen = int(last_event_id) if last_event_id.isdecimal() else 0
    return EventSourceResponse(answer(prompt, seen))


if __name__ == "__main__":
    uvicorn.run(app)
