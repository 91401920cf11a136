"""The objects of the SDKs passed through: upstream, the SDK as a client, a helper, a client."""

import re

import anthropic
import app as judged
import openai
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.routing import Route

from ai_helpers import parsed, without_random_ids
from eventwire.ai import anthropic_messages_stream, openai_chat_stream, openai_responses_stream
from servers import Server

MESSAGES = [{"role": "user", "content": "Hi"}]


def closing(client):
    """Options of a response after which the client is closed."""
    return {"background": BackgroundTask(client.close), "ping_interval": judged.PING_INTERVAL}


async def chat(base):
    client = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0)
    options = {"include_usage": True}
    stream = await client.chat.completions.create(
        model="m", messages=MESSAGES, stream=True, stream_options=options
    )
    return openai_chat_stream(stream, model="never").response(**closing(client))


async def responses(base):
    client = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0)
    stream = await client.responses.create(model="m", input="Hi", stream=True)
    return openai_responses_stream(stream, model="never").response(**closing(client))


async def messages(base):
    client = anthropic.AsyncAnthropic(base_url=base, api_key="x", max_retries=0)
    stream = await client.messages.create(model="m", max_tokens=9, messages=MESSAGES, stream=True)
    return anthropic_messages_stream(stream, model="never").response(**closing(client))


def sync_chat(base):
    client = openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0)
    stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    return openai_chat_stream(stream, model="never").response(**closing(client))


RELAYS = {
    "v1/chat/completions": chat,
    "v1/responses": responses,
    "v1/messages": messages,
}


@pytest.fixture(scope="module")
def relay(base):
    def endpoint(make):
        async def answer(request):
            return await make(f"{base}/relay/{request.path_params['scenario']}")

        return answer

    def sync_endpoint(request):
        return sync_chat(f"{base}/relay-sync/{request.path_params['scenario']}")

    routes = [Route(f"/{{scenario}}/{path}", endpoint(make)) for path, make in RELAYS.items()]
    with Server(Starlette(routes=[*routes, Route("/{scenario}/sync", sync_endpoint)])) as running:
        yield running


def comparable(body):
    """Return the events, without pings and without the random ids of a response's items."""
    # Until the SDK's stream is closed, after the last event, the connection is kept alive.
    body = re.sub(rb"(: ping\n)+\Z", b"", body)
    events = parsed(without_random_ids(body.decode()).encode())
    return [event for event in events if event[0] != "ping"]


@pytest.mark.parametrize("scenario", ["conversation", "pause", "tool"])
@pytest.mark.parametrize("path", [*RELAYS, "sync"])
def test_what_an_sdk_reads_is_passed_through_with_every_field(relay, server, path, scenario):
    reply = relay.request(f"/{scenario}/{path}")
    direct = "v1/chat/completions" if path == "sync" else path
    assert reply.whole
    assert comparable(reply.body) == comparable(server.request(f"/raw/{scenario}/{direct}").body)


@pytest.mark.parametrize("path", ["v1/chat/completions", "v1/messages"])
def test_an_upstreams_error_is_told_without_its_text(relay, path, caplog):
    body = relay.request(f"/error/{path}").body
    assert body.count(b"An error occurred while the answer was generated") == 1
    assert b"before" in body
    kind = openai.APIError if "chat" in path else anthropic.APIStatusError
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert any(isinstance(error, kind) for error in errors)


@pytest.mark.parametrize("path", RELAYS)
def test_the_clients_leaving_reaches_the_upstream(relay, path, was_closed):
    with relay.open(f"/endless/{path}") as stream:
        stream.read_until(b"token ")
    was_closed(f"/relay/endless/{path}")


def test_the_clients_leaving_reaches_the_upstream_of_a_sync_sdk(relay, was_closed):
    with relay.open("/endless/sync") as stream:
        stream.read_until(b"token ")
    was_closed("/relay-sync/endless/v1/chat/completions")
