"""The files in `examples/`, each run as a program and served by a real uvicorn."""

import contextlib
import json
import runpy
import socket
import time
from pathlib import Path

import pytest
import uvicorn

from ai_helpers import kind, parsed, text_of
from receiver import receive
from servers import Server, wait_until

EXAMPLES = Path(__file__).parents[1] / "examples"
JSON = "content-type: application/json\r\n"


@pytest.fixture
def example(monkeypatch):
    """Return a function that runs an example as `python` does, up to the server's start.

    What is served is returned by its port, with the module's names.
    """
    with contextlib.ExitStack() as stack:

        def run(name, **environment):
            for variable, value in environment.items():
                monkeypatch.setenv(variable, str(value))
            served = []
            monkeypatch.setattr(uvicorn, "run", lambda app, **_: served.append(app))
            module = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
            server = Server(served[0], lifespan="auto")
            return stack.enter_context(server), module

        yield run


def post(server, target, body, headers=""):
    return server.request(
        target, method="POST", headers=JSON + headers, body=json.dumps(body).encode()
    )


def test_every_example_is_tested():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    text = Path(__file__).read_text()
    assert names
    assert all(f'example("{name}"' in text for name in names)


QUESTION = {"model": "parrot", "messages": [{"role": "user", "content": "Hello big world"}]}


def test_openai_server_streams_chat_completions(example):
    server, _ = example("openai_server")
    body = {**QUESTION, "stream": True, "stream_options": {"include_usage": True}}
    events = parsed(post(server, "/v1/chat/completions", body).body)
    assert text_of(events) == "Hello big world "
    assert [kind(*event) for event in events][-3:] == ["stop", "usage", "[DONE]"]


def test_openai_server_answers_chat_completions_whole(example):
    server, _ = example("openai_server")
    answer = json.loads(post(server, "/v1/chat/completions", QUESTION).body)
    assert answer["choices"][0]["message"]["content"] == "Hello big world "
    assert answer["usage"]["total_tokens"] == 6


def test_openai_server_refuses_a_model_that_it_has_not(example):
    server, _ = example("openai_server")
    assert post(server, "/v1/chat/completions", {**QUESTION, "model": "x"}).status == 404


def test_openai_server_hears_text_in_parts_and_in_lists(example):
    server, _ = example("openai_server")
    parts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "you"}]
    messages = [{"role": "assistant", "content": None}, {"role": "user", "content": parts}]
    question = {"model": "parrot", "messages": messages, "stream": True, "stream_options": None}
    assert text_of(parsed(post(server, "/v1/chat/completions", question).body)) == "Hello you "
    said = [{"role": "user", "content": [{"type": "input_text", "text": "Hello you"}]}]
    question = {"model": "parrot", "input": said, "stream": True}
    assert text_of(parsed(post(server, "/v1/responses", question).body)) == "Hello you "


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/chat/completions", {**QUESTION, "messages": []}, "messages"),
        ("/v1/chat/completions", {"model": "parrot"}, "messages"),
        ("/v1/responses", {"model": "parrot"}, "input"),
    ],
)
def test_openai_server_says_in_openais_form_what_is_wrong(example, path, body, where):
    server, _ = example("openai_server")
    reply = post(server, path, body)
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(f"{where}: ")


def test_openai_server_answers_responses_streamed_and_whole(example):
    server, _ = example("openai_server")
    question = {"model": "parrot", "input": "Hello you"}
    events = parsed(post(server, "/v1/responses", {**question, "stream": True}).body)
    assert text_of(events) == "Hello you "
    assert events[-1][0] == "response.completed"
    answer = json.loads(post(server, "/v1/responses", question).body)
    assert answer["output"][0]["content"][0]["text"] == "Hello you "


@pytest.mark.parametrize(("limit", "reason"), [(10, "end_turn"), (2, "max_tokens")])
def test_anthropic_server_answers_messages_streamed_and_whole(example, limit, reason):
    server, _ = example("anthropic_server")
    question = {**QUESTION, "max_tokens": limit}
    said = "".join(f"{word} " for word in ["Hello", "big", "world"][:limit])
    events = parsed(post(server, "/v1/messages", {**question, "stream": True}).body)
    assert text_of(events) == said
    assert events[-2][1]["delta"]["stop_reason"] == reason
    answer = json.loads(post(server, "/v1/messages", question).body)
    assert (answer["content"][0]["text"], answer["stop_reason"]) == (said, reason)


def test_anthropic_server_hears_blocks_and_says_in_anthropics_form_what_is_wrong(example):
    server, _ = example("anthropic_server")
    blocks = [{"type": "text", "text": "Hello"}, {"type": "image", "source": {}}]
    question = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
    events = parsed(post(server, "/v1/messages", {**question, "stream": True}).body)
    assert text_of(events) == "Hello "
    for wrong in ({"messages": []}, {"max_tokens": 0}):
        reply = post(server, "/v1/messages", {**question, **wrong})
        answer = json.loads(reply.body)
        assert (reply.status, answer["type"]) == (400, "error")
        assert answer["error"]["type"] == "invalid_request_error"
        assert answer["error"]["message"].startswith(f"{next(iter(wrong))}: ")


def test_relay_forwards_the_upstreams_events(example):
    upstream, _ = example("openai_server")
    relay, _ = example("relay", UPSTREAM=f"http://127.0.0.1:{upstream.port}")
    body = {**QUESTION, "stream": True}
    events = parsed(post(relay, "/v1/chat/completions", body).body)
    assert text_of(events) == "Hello big world "
    assert [kind(*event) for event in events][-2:] == ["stop", "[DONE]"]
    named = parsed(
        post(
            relay, "/v1/responses", {"model": "parrot", "input": "Hello\u2028you", "stream": True}
        ).body
    )
    assert named[0][0] == "response.created"
    assert named[-1][0] == "response.completed"


def test_relay_answers_as_the_upstream_if_that_does_not_stream(example):
    upstream, _ = example("openai_server")
    relay, _ = example("relay", UPSTREAM=f"http://127.0.0.1:{upstream.port}")
    reply = post(relay, "/v1/chat/completions", {**QUESTION, "model": "x", "stream": True})
    direct = post(upstream, "/v1/chat/completions", {**QUESTION, "model": "x", "stream": True})
    assert (reply.status, reply.body) == (direct.status, direct.body)
    assert reply.status == 404
    for answers in (relay, upstream):
        whole = post(answers, "/v1/chat/completions", QUESTION)
        assert whole.status == 200
        assert (b"content-type", b"application/json") in whole.headers
        assert b"Hello big world" in whole.body


def test_relay_answers_502_if_there_is_no_upstream(example):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    relay, _ = example("relay", UPSTREAM=f"http://127.0.0.1:{port}")
    reply = post(relay, "/v1/chat/completions", {**QUESTION, "stream": True})
    assert (reply.status, b"does not answer" in reply.body) == (502, True)


def test_relay_is_cut_where_its_upstream_is(example):
    async def upstream(scope, receive_, send):
        await receive_()
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})

    with Server(upstream) as origin:
        relay, _ = example("relay", UPSTREAM=f"http://127.0.0.1:{origin.port}")
        reply = post(relay, "/x", {})
    assert (reply.body, reply.whole) == (b"data: 1\n\n", False)


def test_relay_tells_the_upstream_within_250_ms_that_the_client_has_left(example):
    ended = []

    async def upstream(scope, receive_, send):
        """Stream for ever; note when the relay closes the connection."""
        while (await receive_())["type"] != "http.request":
            pass
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        while (await receive_())["type"] != "http.disconnect":
            pass
        ended.append(time.monotonic())

    with Server(upstream) as origin:
        relay, _ = example("relay", UPSTREAM=f"http://127.0.0.1:{origin.port}")
        with relay.open("/x", method="POST", headers=JSON, body=b"{}") as stream:
            stream.read_until(b"data: 1\n\n")
            assert not ended
        left = time.monotonic()
        wait_until(lambda: ended, "the upstream to notice")
        assert ended[0] - left < 0.25


def test_tool_calls_streams_the_arguments_in_pieces(example):
    server, _ = example("tool_calls")
    events = parsed(post(server, "/v1/chat/completions", QUESTION).body)
    deltas = [
        call["function"]["arguments"]
        for _, payload in events
        if payload != "[DONE]"
        for call in payload["choices"][0]["delta"].get("tool_calls", ())
    ]
    assert len(deltas) > 3
    assert json.loads("".join(deltas)) == {"city": "Paris", "unit": "celsius"}
    assert kind(*events[-2]) == "tool_calls"


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/v1/chat/completions", {"role": "tool", "tool_call_id": "call_1", "content": "20 °C"}),
        (
            "/v1/messages",
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "20 °C"},
                ],
            },
        ),
    ],
)
def test_tool_calls_answers_with_the_tools_result(example, path, result):
    server, _ = example("tool_calls")
    first = parsed(post(server, path, QUESTION).body)
    assert text_of(first) == "Let me look. "
    again = {**QUESTION, "messages": [*QUESTION["messages"], result]}
    assert text_of(parsed(post(server, path, again).body)) == "It is 20 °C in Paris."


def words(reply):
    return "".join(json.loads(message.data).get("text", "") for message in receive(reply).messages)


def test_chat_page_answers_fetch_and_eventsource_alike(example):
    server, _ = example("chat_page")
    assert b"<!doctype html>" in server.request("/").body
    question = {"messages": [{"role": "user", "content": "hi"}]}
    by_fetch = parsed(post(server, "/v1/chat/completions", question).body)
    assert text_of(by_fetch) == "You said: hi. How nice of you! "
    by_event_source = server.request("/chat?prompt=hi").body
    assert words(by_event_source) == text_of(by_fetch)
    assert receive(by_event_source).messages[-1].type == "done"


def test_chat_page_goes_on_where_an_eventsource_was_and_ends_it(example):
    server, _ = example("chat_page")
    again = server.request("/chat?prompt=hi", headers="last-event-id: 5\r\n")
    assert words(again.body) == "of you! "
    assert server.request("/chat?prompt=hi", headers="last-event-id: end\r\n").status == 204


def test_starlette_service_ticks_and_says_farewell(example):
    server, _ = example("starlette_service")
    with server.open("/clock?every=0.05") as stream:
        stream.read_until(b"id: 3\n\n")
        server.uvicorn.should_exit = True
        reply = stream.read_all()
    assert reply.whole
    received = receive(reply.body)
    assert [message.type for message in received.messages][:3] == ["tick"] * 3
    assert received.messages[-1].type == "restart"
    assert received.reconnection_time == 2000


@pytest.mark.parametrize("every", ["0", "-1", "61", "nan", "soon"])
def test_starlette_service_refuses_an_impossible_interval(example, every):
    server, _ = example("starlette_service")
    assert server.request(f"/clock?every={every}").status == 400


def test_live_logs_follows_the_file(example, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n")
    server, _ = example("live_logs", LOG_FILE=log)
    with server.open("/logs") as stream:
        stream.read_until(b"event: line\ndata: two\nid: 8\n\n")
        with log.open("a") as file:
            file.write("thr")
            file.flush()
            time.sleep(0.3)
            file.write("ee\n")
        received = stream.read_until(b"data: three\nid: 14\n\n")
        assert b"data: thr\n" not in received


def test_live_logs_is_closed_when_its_client_has_left(example, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("one\n")
    server, _ = example("live_logs", LOG_FILE=log)
    with server.open("/logs") as stream:
        stream.read_until(b"data: one\n")
        assert opened(log) == 1
    wait_until(lambda: opened(log) == 0, "the file to be closed", 2)


def opened(path):
    """Count this process's open descriptors of a file."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(descriptor.readlink())
    return links.count(path)


def test_live_logs_goes_on_after_the_last_line_that_was_seen(example, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n")
    server, _ = example("live_logs", LOG_FILE=log)
    with server.open("/logs", headers="last-event-id: 4\r\n") as stream:
        assert b"data: one" not in stream.read_until(b"data: two\n")
    log.write_text("1\n")
    with server.open("/logs", headers="last-event-id: 8\r\n") as stream:
        stream.read_until(b"data: 1\nid: 2\n\n")


def test_notifications_reach_everyone_and_those_who_come_back(example):
    server, _ = example("notifications")
    with server.open("/notifications") as one, server.open("/notifications") as other:
        for stream in (one, other):
            stream.read_until(b": welcome\n")
        assert post(server, "/notifications", {"text": "a"}).body == b"1"
        frame = b'event: notification\ndata: {"text":"a"}\nid: 1\n\n'
        one.read_until(frame)
        other.read_until(frame)
        assert post(server, "/notifications", {"text": "b"}).body == b"2"
        other.read_until(b"id: 2\n\n")
    with server.open("/notifications", headers="last-event-id: 1\r\n") as again:
        received = again.read_until(b"id: 2\n\n")
        assert b"id: 1\n" not in received
