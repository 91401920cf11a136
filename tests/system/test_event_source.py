"""EventSource of a real browser: the forms of `eventwire.ai`, reconnecting, the chat page."""

from __future__ import annotations

import asyncio
import importlib.util
import runpy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from ai_helpers import without_random_ids
from eventwire import EventSourceResponse, ServerSentEvent
from receiver import receive
from servers import Server, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("judged", ROOT / "tests" / "interop" / "app.py")
assert SPEC
assert SPEC.loader
judged = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(judged)

READ = """
const [url, names, done] = arguments
const source = new EventSource(url), seen = []
const end = () => { source.close(); done(seen) }
const see = (event) => seen.push([event.type, event.data])
for (const name of names) source.addEventListener(name, see)
source.addEventListener("error", (event) => event.data === undefined ? end() : see(event))
"""

requests: list[int] = []


async def resumable(request: Any) -> Response:
    """Send two events for each connection, and 204 when four have been seen."""
    seen = int(request.headers.get("last-event-id", 0))
    requests.append(seen)

    async def events():
        yield ServerSentEvent(retry=50)
        for number in (seen + 1, seen + 2):
            await asyncio.sleep(0.25)  # two pings
            yield ServerSentEvent(data=number, id=str(number))

    if seen >= 4:
        return Response(status_code=204)
    return EventSourceResponse(events(), ping_interval=0.1)


async def page(request: Any) -> HTMLResponse:
    return HTMLResponse("<title>nothing</title>")


@pytest.fixture(scope="module")
def origin() -> Iterator[Server]:
    routes = [Route("/", page), Route("/resumable", resumable), Mount("/", judged.app)]
    with Server(Starlette(routes=routes)) as server:
        yield server


@pytest.mark.parametrize("scenario", ["conversation", "pause", "tool", "error"])
@pytest.mark.parametrize("path", judged.PROTOCOLS)
def test_event_source_reads_what_the_standard_says(
    browser: Chrome, origin: Server, path: str, scenario: str
) -> None:
    body = origin.request(f"/raw/{scenario}/{path}").body
    expected = [(message.type, message.data) for message in receive(body).messages]
    names = sorted({name for name, _ in expected} - {"error"})
    browser.get(f"http://127.0.0.1:{origin.port}/")
    seen = browser.execute_async_script(READ, f"/browser/{scenario}/{path}", names)
    assert comparable(seen) == comparable(expected)


def comparable(events: Any) -> list[Any]:
    """Leave out pings, which depend on time, and the random ids of a response's items."""
    return [(name, without_random_ids(data)) for name, data in events if name != "ping"]


LEAVE = {
    "EventSource": """
        const [url, name, done] = arguments
        const source = new EventSource(url)
        source.addEventListener(name, (event) => {
            source.close()
            done(Date.now())
        })
    """,
    "fetch": """
        const [url, name, done] = arguments
        const controller = new AbortController()
        fetch(url, { method: "POST", signal: controller.signal }).then(async (response) => {
            await response.body.getReader().read()
            controller.abort()
            done(Date.now())
        })
    """,
}


@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("v1/chat/completions", "message"),
        ("v1/responses", "response.output_text.delta"),
        ("v1/messages", "content_block_delta"),
        ("ui", "message"),
    ],
)
def test_leaving_a_stream_ends_the_generator_within_250_ms(
    browser: Chrome, origin: Server, leave: str, path: str, name: str
) -> None:
    browser.get(f"http://127.0.0.1:{origin.port}/")
    clocks = time.time() - time.monotonic()
    where = f"/{leave}/endless/{path}"
    left = browser.execute_async_script(LEAVE[leave], where, name) / 1000 - clocks
    wait_until(lambda: where in judged.closed, f"the generator of {where} to end")
    assert judged.closed[where] - left < 0.25


def test_event_source_goes_on_after_the_last_id_until_204(browser: Chrome, origin: Server) -> None:
    browser.get(f"http://127.0.0.1:{origin.port}/")
    browser.execute_script("""
        window.seen = []
        window.source = new EventSource("/resumable")
        source.onmessage = (event) => seen.push([event.data, event.lastEventId])
    """)
    state = "return source.readyState === EventSource.CLOSED"
    WebDriverWait(browser, 20).until(lambda _: browser.execute_script(state))
    numbers = [str(number) for number in range(1, 5)]
    assert browser.execute_script("return seen") == [[number, number] for number in numbers]
    assert requests == [0, 2, 4]


def test_chat_page_shows_the_answer_twice_and_asks_twice(
    browser: Chrome, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: served.append(app))
    runpy.run_path(str(ROOT / "examples" / "chat_page.py"), run_name="__main__")
    asked = []

    async def counting(scope: Any, receive_: Any, send: Any) -> None:
        asked.append(scope["path"])
        await served[0](scope, receive_, send)

    with Server(counting) as server:
        browser.get(f"http://127.0.0.1:{server.port}/")
        browser.find_element(By.TAG_NAME, "button").click()
        done = "return document.body.dataset.fetch && document.body.dataset.source"
        WebDriverWait(browser, 20).until(lambda _: browser.execute_script(done))
        texts = [browser.find_element(By.ID, name).text.strip() for name in ("fetch", "source")]
        assert texts == ["You said: Say something nice. How nice of you!"] * 2
        time.sleep(4)  # EventSource would reconnect after 3 s
        assert asked.count("/chat") == asked.count("/v1/chat/completions") == 1
