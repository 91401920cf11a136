"""The response that a stream makes: headers, keep-alive, leaving, statuses."""

import asyncio
import threading
import time

import pytest
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.testclient import TestClient

from ai_helpers import (
    ENDS,
    SDKStream,
    SyncSDKStream,
    Tokens,
    ends_with_error,
    kind,
    parsed,
    text_of,
)
from eventwire import Encoder, EventSourceResponse
from eventwire.ai import anthropic_messages_stream, ui_message_stream
from servers import wait_until

PINGS = {
    "chat": b": ping\n",
    "responses": b": ping\n",
    "messages": b'event: ping\ndata: {"type":"ping"}\n\n',
    "ui": b": ping\n",
}


def application(respond):
    async def endpoint(request):
        return respond()

    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])])


def test_the_client_leaving_ends_the_generator_within_250_ms(serve, make, source):
    ended = []
    gone = threading.Event()

    async def slowly():
        try:
            while True:
                yield "token "
                await asyncio.sleep(0.02)
        finally:
            ended.append(time.monotonic())

    def sync():
        try:
            while True:
                yield "token "
                gone.wait(0.02)
        finally:
            ended.append(time.monotonic())

    tokens = slowly if source is Tokens else sync
    server = serve(application(lambda: make(tokens()).response()))
    with server.open("/") as stream:
        stream.read_until(b"token ")
    left = time.monotonic()
    wait_until(lambda: ended, "the generator to end")
    assert ended[0] - left < 0.25


def test_a_pause_is_filled_with_pings_in_the_protocols_form(serve, protocol, make):
    async def tokens():
        yield "a"
        await asyncio.sleep(0.5)
        yield "b"

    server = serve(application(lambda: make(tokens()).response(ping_interval=0.1)))
    reply = server.request("/")
    assert reply.body.count(PINGS[protocol]) >= 3
    assert b": ping\n\n" not in reply.body
    assert text_of(parsed(reply.body.replace(PINGS[protocol], b""))) == "ab"
    assert text_of(parsed(reply.body)) == "ab"
    assert reply.whole


def test_a_message_of_ones_own_replaces_the_ping(serve, make):
    async def tokens():
        await asyncio.sleep(0.3)
        yield "b"

    ping = b"event: alive\ndata: {}\n\n"
    options = {"ping_interval": 0.1, "ping_message": ping}
    body = serve(application(lambda: make(tokens()).response(**options))).request("/").body
    assert body.startswith(ping)


def test_the_response_has_the_protocols_headers_and_ones_own(protocol, make, source):
    def respond():
        return make(source("a")).response(201, {"x-request": "7"})

    reply = TestClient(application(respond)).get("/")
    assert reply.status_code == 201
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["x-request"] == "7"
    version = "x-vercel-ai-ui-message-stream"
    assert reply.headers.get(version) == ("v1" if protocol == "ui" else None)
    assert text_of(parsed(reply.content)) == "a"


def test_a_header_of_ones_own_replaces_the_protocols_in_any_case():
    stream = ui_message_stream([])
    headers = stream.response(headers={"X-Vercel-AI-UI-Message-Stream": "v2"}).headers
    assert headers.getlist("x-vercel-ai-ui-message-stream") == ["v2"]


def test_the_events_can_be_handed_to_a_response_of_ones_own(make, source):
    reply = TestClient(application(lambda: EventSourceResponse(make(source("a"))))).get("/")
    assert text_of(parsed(reply.content)) == "a"


class FailsToClose(SDKStream):
    async def close(self):
        raise RuntimeError("in close")


class SyncFailsToClose(SyncSDKStream):
    def close(self):
        raise RuntimeError("in close")


@pytest.mark.parametrize("kind_of_stream", [FailsToClose, SyncFailsToClose])
def test_an_exception_while_closing_is_logged_and_what_was_written_stays_whole(
    serve, protocol, make, kind_of_stream, caplog
):
    server = serve(application(lambda: make(kind_of_stream("a")).response()))
    reply = server.request("/")
    assert reply.whole
    assert [kind(*event) for event in parsed(reply.body)][-len(ENDS[protocol]) :] == ENDS[protocol]
    (record,) = [record for record in caplog.records if record.name == "eventwire"]
    assert str(record.exc_info[1]) == "in close"


@pytest.mark.parametrize("kind_of_stream", [SDKStream, SyncSDKStream])
def test_head_closes_what_was_not_read(make, kind_of_stream):
    source = kind_of_stream("a")
    app = application(lambda: make(source).response())
    assert TestClient(app).head("/").content == b""
    assert source.closed == 1


def test_an_early_http_exception_becomes_a_response_if_the_first_event_is_waited_for(make, source):
    error = HTTPException(429, "slow down")

    def respond():
        return make(source(error)).response(wait_for_first_event=True)

    reply = TestClient(application(respond)).get("/")
    assert (reply.status_code, reply.text) == (429, "slow down")


def test_an_exception_after_a_passed_ping_is_an_event_for_the_response_has_begun(source, caplog):
    def respond():
        stream = anthropic_messages_stream(source({"type": "ping"}, HTTPException(429)), model="m")
        return stream.response(wait_for_first_event=True)

    events = parsed(TestClient(application(respond)).get("/").content)
    assert [kind(*event) for event in events] == ["ping", "error"]


def test_a_later_exception_is_an_event_also_if_the_first_event_is_waited_for(
    protocol, make, source, caplog
):
    def respond():
        return make(source("a", HTTPException(429))).response(wait_for_first_event=True)

    assert ends_with_error(protocol, parsed(TestClient(application(respond)).get("/").content))


def test_an_exception_after_the_first_ping_is_an_event_for_the_response_has_begun(
    serve, protocol, make, caplog
):
    async def tokens():
        await asyncio.sleep(0.35)
        raise HTTPException(429)
        yield

    options = {"wait_for_first_event": True, "ping_interval": 0.1}
    reply = serve(application(lambda: make(tokens()).response(**options))).request("/")
    assert reply.body.startswith(PINGS[protocol])
    assert (reply.status, reply.whole) == (200, True)
    assert "error" in str(parsed(reply.body)[-1 if protocol != "ui" else -2])


@pytest.mark.parametrize("wait", [True, False])
def test_options_are_checked_where_they_are_given(make, wait):
    options = {"wait_for_first_event": wait}
    with pytest.raises(TypeError, match="ping_message must be bytes"):
        make([]).response(ping_message="text", **options)
    with pytest.raises(TypeError, match="no option 'pings'"):
        make([]).response(pings=1, **options)
    with pytest.raises(ValueError, match="ping_interval must be a positive"):
        make([]).response(ping_interval=0, **options)


def test_trio_reads_the_same(make, source):
    async def main():
        encode = Encoder().encode
        with trio.fail_after(20):
            return b"".join([encode(event) async for event in make(source("a", "b"))])

    assert text_of(parsed(trio.run(main))) == "ab"


def test_a_failing_stream_ends_whole_after_its_error(serve, protocol, make, source, caplog):
    server = serve(application(lambda: make(source("a", RuntimeError())).response()))
    reply = server.request("/")
    assert reply.whole
    assert ends_with_error(protocol, parsed(reply.body))
