"""Responses of `eventwire.sse_starlette` beside those of the installed sse-starlette.

Each scenario is run with both classes in the same run: messages, errors, the order of things.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial

import anyio
import pytest
import sse_starlette
import sse_starlette.sse
from starlette.background import BackgroundTask

from asgi import Wire, start, until
from eventwire import sse_starlette as facade
from eventwire.sse_starlette import sse

pytestmark = pytest.mark.newest  # sse-starlette, too
PING = re.compile(rb": ping - [-0-9]{10} [.:0-9]{8,15}\+00:00(\r\n|\r|\n)\1")
MODULES = {"theirs": (sse_starlette, sse_starlette.sse), "ours": (facade, sse)}


class Seen:
    """What happened in a run, to be compared."""

    def __init__(self, module, internals):
        self.module, self.internals = module, internals
        self.wire = Wire()
        self.log = []
        self.error = None

    def response(self, content, **options):
        background = BackgroundTask(self.log.append, "background")
        self.made = self.module.EventSourceResponse(content, background=background, **options)
        return self.made

    async def run(self, response, seconds=5):
        try:
            async with asyncio.timeout(seconds):
                await start(response, self.wire)
        except Exception as error:
            self.error = (type(error).__name__, str(error.args))
        return self

    @property
    def result(self):
        head = [(m["status"], sorted(m["headers"])) for m in self.wire.messages if "status" in m]
        body = PING.sub(b"<ping>", self.wire.body)
        return (head, body, self.wire.ended, self.error, self.log)


def both(scenario):
    """Run a scenario with both; return ours once it is the same as theirs."""
    results = {}
    for name, modules in MODULES.items():
        seen = Seen(*modules)
        asyncio.run(scenario(seen))
        results[name] = seen.result
    assert results["ours"] == results["theirs"]
    return results["ours"]


async def items(seen, *values, waits=False, error=None):
    try:
        for value in values:
            yield value
        if error is not None:
            raise error
        if waits:
            await asyncio.sleep(60)
    except BaseException as raised:
        seen.log.append(type(raised).__name__)
        raise
    finally:
        seen.log.append("closed")


VALUES = ["a", b"raw: 1\r\n\r\n", {"data": 1, "event": "e", "id": "i", "retry": 5}, 5, None, "a\nb"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sep": "\n"},
        {"sep": "\r"},
        {"status_code": 201},
        {"headers": {"X-A": "1", "Cache-Control": "public"}},
        {"headers": {"Connection": "close", "X-Accel-Buffering": "yes"}},
        {"media_type": "text/plain"},
        {"media_type": None},
        {"ping": 0},
        {"ping": 7.5},
        {"send_timeout": 1},
        {"cleanup_timeout": None},
        {"shutdown_grace_period": 3},
    ],
    ids=repr,
)
def test_items_become_the_same_bytes_with_each_option(options):
    """Status, headers, frames, background."""

    async def scenario(seen):
        events = [seen.module.ServerSentEvent("x", event="y"), *VALUES]
        await seen.run(seen.response(items(seen, *events), **options))

    both(scenario)


@pytest.mark.parametrize(
    "make",
    [lambda: iter(["a", {"data": 1}]), lambda: ["a", 2], lambda: (x for x in "abc"), lambda: "abc"],
)
def test_sync_iterators_are_streamed_alike(make):
    """Lists, iterators, generators, and a text, character by character."""

    async def scenario(seen):
        await seen.run(seen.response(make()))

    both(scenario)


class Iterator:
    """An async iterator that is no generator."""

    def __init__(self, *values):
        self.values = list(values)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.values:
            raise StopAsyncIteration
        return self.values.pop(0)


def test_async_iterators_are_streamed_alike():
    """Generators or not; a memory stream with a sender beside it, as the MCP SDK does."""

    async def plain(seen):
        await seen.run(seen.response(Iterator("a", {"data": "b"})))

    async def with_sender(seen):
        sender, receiver = anyio.create_memory_object_stream(0)

        async def send():
            async with sender:
                for number in range(5):
                    await sender.send({"data": number, "event": "message"})
            seen.log.append("sent")

        await seen.run(seen.response(receiver, data_sender_callable=send))
        receiver.close()  # which sse-starlette leaves open

    both(plain)
    both(with_sender)


@pytest.mark.parametrize("error", [KeyError("mine"), ValueError(), OSError("x")], ids=repr)
def test_errors_of_the_generator_are_raised_alike(error):
    """Bare, after what was yielded, the body cut; no background task."""

    async def scenario(seen):
        await seen.run(seen.response(items(seen, "a", error=error)))

    assert not both(scenario)[2]


def test_a_group_with_one_error_is_raised_as_that_error():
    """However deep it lies; a group with two stays one."""
    one = ExceptionGroup("outer", [ExceptionGroup("inner", [KeyError("x")])])
    two = ExceptionGroup("both", [KeyError("x"), ValueError("y")])

    async def scenario(seen, error):
        await seen.run(seen.response(items(seen, "a", error=error)))

    assert both(partial(scenario, error=one))[3][0] == "KeyError"
    assert both(partial(scenario, error=two))[3][0] == "ExceptionGroup"


@pytest.mark.parametrize("item", [{"data": 1, "retry": "x"}, {"nonsense": 1}, {"event": 5}])
def test_an_item_that_cannot_be_written_closes_the_generator(item):
    """The same type of error."""

    async def scenario(seen):
        await seen.run(seen.response(items(seen, "a", item)))
        seen.error = seen.error[0]

    both(scenario)


def test_a_sender_that_fails_ends_the_stream_with_its_error():
    """And one that goes on is cancelled when the stream ends."""

    async def failing(seen):
        async def send():
            await asyncio.sleep(0.01)
            raise KeyError("sender")

        response = seen.response(items(seen, "a", waits=True), data_sender_callable=send)
        await seen.run(response)

    async def going_on(seen):
        async def send():
            try:
                await asyncio.sleep(60)
            finally:
                seen.log.append("sender cancelled")

        await seen.run(seen.response(items(seen, "a"), data_sender_callable=send))

    both(failing)
    both(going_on)


@pytest.mark.parametrize("has_handler", [False, True])
def test_a_client_that_leaves_is_told_before_the_generator_is_closed(has_handler):
    """The handler gets the message; then the generator, then the background task."""

    async def scenario(seen):
        async def handler(message):
            seen.log.append(message["type"])
            await asyncio.sleep(0.01)
            seen.log.append(seen.made.active)

        options = {"client_close_handler_callable": handler} if has_handler else {}
        response = seen.response(items(seen, "a", waits=True), **options)
        task = asyncio.create_task(seen.run(response))
        await until(lambda: seen.wire.body)
        assert response.active
        seen.wire.leave()
        await task

    log = both(scenario)[4]
    told = ["http.disconnect", False] if has_handler else []
    assert log == [*told, "CancelledError", "closed", "background"]


def test_the_handler_is_called_only_if_the_client_has_left():
    """A difference: there also after the end, when the server answers the final message."""
    for name, told in (("theirs", ["told"]), ("ours", [])):
        seen = Seen(*MODULES[name])

        async def scenario(seen=seen):
            async def handler(message):
                seen.log.append("told")

            response = seen.response(items(seen, "a"), client_close_handler_callable=handler)
            await seen.run(response)
            await asyncio.sleep(0.01)
            seen.log.append(response.active)

        asyncio.run(scenario())
        assert seen.log == ["closed", *told, "background", False]


def test_a_handler_that_fails_is_the_error():
    """The generator is closed."""

    async def scenario(seen):
        async def handler(message):
            raise KeyError("handler")

        response = seen.response(
            items(seen, "a", waits=True), client_close_handler_callable=handler
        )
        task = asyncio.create_task(seen.run(response))
        await until(lambda: seen.wire.body)
        seen.wire.leave()
        await task

    assert both(scenario)[3][0] == "KeyError"


def test_a_client_that_does_not_read_is_a_send_timeout():
    """`SendTimeoutError`, the generator closed."""

    async def scenario(seen):
        async def block(message):
            if message.get("body"):
                seen.wire.block()

        seen.wire.on_send = block
        await seen.run(seen.response(items(seen, "a", waits=True), send_timeout=0.05))
        seen.error = seen.error[0]
        seen.log = sorted(set(seen.log) - {"CancelledError", "GeneratorExit"})

    assert both(scenario)[3] == "SendTimeoutError"
    assert issubclass(sse.SendTimeoutError, TimeoutError)


def test_pings_come_at_a_fixed_cadence_also_while_events_flow():
    """A comment with the time, or what the factory makes; none with 0."""

    async def flowing(seen):
        for number in range(12):
            yield number
            await asyncio.sleep(0.05)

    async def scenario(seen, **options):
        await seen.run(seen.response(flowing(seen), **options))
        count = PING.sub(b"<ping>", seen.wire.body).count(b"<ping>")
        count += seen.wire.body.count(b"event: ping")
        # 0.6 s are 3 or 4 intervals on a busy machine.
        seen.log.append(bool(2 <= count <= 4) if options.get("ping") else count)
        seen.wire.messages = []

    assert both(partial(scenario, ping=0.16))[4][-1] is True
    assert both(partial(scenario, ping=0))[4][-1] == 0

    async def made(seen):
        def factory():
            return seen.module.ServerSentEvent(event="ping", sep="\n")

        await scenario(seen, ping=0.16, ping_message_factory=factory)

    assert both(made)[4][-1] is True


def test_a_ping_has_the_time_and_the_separator(monkeypatch):
    """With a clock that stands still: the same bytes."""
    from datetime import UTC, datetime  # noqa: PLC0415

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)

    for _, internals in MODULES.values():
        monkeypatch.setattr(internals, "datetime", Clock)

    async def scenario(seen, sep):
        await seen.run(seen.response(items(seen, waits=True), ping=0.02, sep=sep), seconds=0.05)
        seen.log.append(seen.wire.bodies[0])
        seen.wire.messages, seen.error = [], None

    for sep in ("\r\n", "\n", "\r"):
        ping = both(partial(scenario, sep=sep))[4][-1]
        assert ping == f": ping - 2026-01-02 03:04:05.000006+00:00{sep}{sep}".encode()


def test_a_ping_that_cannot_be_made_ends_the_stream_with_its_error():
    """The generator is closed."""

    async def scenario(seen):
        def factory():
            raise KeyError("ping")

        response = seen.response(
            items(seen, "a", waits=True), ping=0.02, ping_message_factory=factory
        )
        await seen.run(response)

    assert both(scenario)[3][0] == "KeyError"


@pytest.mark.parametrize("method", ["HEAD", "head"])
def test_head_gets_the_headers_and_starts_nothing(method):
    """The background task runs, the generator does not."""

    async def scenario(seen):
        seen.wire.scope["method"] = method
        content = items(seen, "a")
        await seen.run(seen.response(content))
        await content.aclose()

    assert both(scenario)[1:] == (b"", True, None, ["background"])


def test_a_websocket_is_denied_with_the_response():
    """Its messages' types say so."""

    class Messages(list):
        async def append_(self, message):
            self.append(message)

    sent = []
    for module, _ in MODULES.values():
        messages = Messages()

        async def receive():
            await asyncio.sleep(60)

        async def main(module=module, messages=messages, receive=receive):
            response = module.EventSourceResponse(Iterator("a"))
            await response({"type": "websocket", "asgi": {}}, receive, messages.append_)

        asyncio.run(main())
        sent.append([{**m, "headers": sorted(m.get("headers", []))} for m in messages])
    assert sent[0] == sent[1]
    assert sent[0][0]["type"] == "websocket.http.response.start"


BAD = [
    {"sep": "\n\n"}, {"sep": ""}, {"sep": "x"}, {"ping": -1}, {"ping": "5"}, {"ping": [1]},
    {"shutdown_grace_period": -1}, {"cleanup_timeout": -0.5}, {"nonsense": 1},
]  # fmt: skip


@pytest.mark.parametrize("options", BAD, ids=repr)
def test_bad_arguments_raise_the_same_errors(options):
    """When the response is made."""
    errors = []
    for module, _ in MODULES.values():
        with pytest.raises((TypeError, ValueError)) as raised:
            module.EventSourceResponse(iter([]), **options)
        errors.append(raised.type)
    assert errors[0] is errors[1]


@pytest.mark.parametrize("content", [5, None])
def test_content_that_cannot_be_iterated_is_an_error_of_the_stream(content):
    """As there: code makes responses without ever streaming them."""

    async def scenario(seen):
        await seen.run(seen.response(content))
        seen.error = seen.error[0]

    assert both(scenario)[3] == "TypeError"


def test_the_interval_of_pings_can_be_set():
    """With the checks of the constructor."""
    for module, _ in MODULES.values():
        response = module.EventSourceResponse(iter([]))
        assert response.ping_interval == 15 == module.EventSourceResponse.DEFAULT_PING_INTERVAL
        response.ping_interval = 0.5
        assert response.ping_interval == 0.5
        with pytest.raises(ValueError, match="ping interval"):
            response.ping_interval = -1
        with pytest.raises(TypeError, match="ping interval"):
            response.ping_interval = "1"
        with pytest.raises(NotImplementedError):
            response.enable_compression()


def test_the_names_of_the_modules_are_there():
    """All that the package, its `sse` and its `event` have without an underscore."""
    for name in ("", ".sse", ".event"):
        theirs = __import__(f"sse_starlette{name}", fromlist=["x"])
        ours = __import__(f"eventwire.sse_starlette{name}", fromlist=["x"])
        public = {
            key
            for key, value in vars(theirs).items()
            if not key.startswith("_")
            and getattr(value, "__module__", "sse_starlette").startswith("sse_starlette")
            and getattr(value, "__module__", "") != "sse_starlette._utils"
            and type(value).__name__ != "module"
        }
        assert public - vars(ours).keys() - {"event", "sse"} == set()


STEPS = ["_stream_response", "_ping", "_listen_for_disconnect", "_send_with_timeout"]


@pytest.mark.parametrize("step", STEPS)
def test_a_subclass_may_take_a_private_step_over(step):
    """`super()` does what it does there, and the stream is the same."""

    async def scenario(seen):
        base = seen.module.EventSourceResponse

        async def own(self, *arguments):
            if step not in seen.log:
                seen.log.append(step)
            await getattr(super(Own, self), step)(*arguments)

        Own = type("Own", (base,), {step: own})  # noqa: N806
        response = Own(items(seen, "a", {"data": 2}, waits=True), ping=0.02)
        task = asyncio.create_task(seen.run(response))
        await until(lambda: PING.search(seen.wire.body))
        seen.wire.leave()
        await task
        seen.log.sort()
        seen.wire.messages = seen.wire.messages[:3]

    assert step in both(scenario)[4]


def test_a_subclass_may_wrap_the_call():
    """As middlewares in disguise do."""

    async def scenario(seen):
        class Own(seen.module.EventSourceResponse):
            async def __call__(self, scope, receive, send):
                seen.log.append("before")
                await super().__call__(scope, receive, send)
                seen.log.append("after")

        await seen.run(Own(items(seen, "a")))

    assert both(scenario)[4] == ["before", "closed", "after"]


def test_the_body_iterator_may_be_replaced():
    """What wraps it gets the items."""

    async def scenario(seen, content):
        response = seen.response(content(seen))
        inner = response.body_iterator

        async def upper():
            async for item in inner:
                yield str(item).upper()

        response.body_iterator = upper()
        await seen.run(response)

    assert b"data: A\r\n\r\n" in both(partial(scenario, content=lambda seen: items(seen, "a")))[1]
    assert b"data: A\r\n\r\n" in both(partial(scenario, content=lambda _: ["a"]))[1]


def test_two_tasks_carry_a_stream_that_has_no_sender():
    """There: five."""

    async def main():
        wire = Wire()
        before = len(asyncio.all_tasks())
        seen = Seen(*MODULES["ours"])
        task = start(facade.EventSourceResponse(items(seen, "a", waits=True)), wire)
        await until(lambda: wire.body)
        count = len(asyncio.all_tasks()) - before
        wire.leave()
        await task
        return count

    assert asyncio.run(main()) == 2


async def ready(count):
    for number in range(count):
        yield number


@pytest.mark.parametrize("coalesce", [True, False])
def test_events_that_are_ready_together_share_a_message_unless_told_otherwise(coalesce):
    """A difference: there each is a send of its own; the bytes are the same."""

    class Own(facade.EventSourceResponse):
        pass

    Own.coalesce = coalesce

    async def main():
        wire = Wire()
        await start(Own(ready(20), sep="\n"), wire)
        return wire

    wire = asyncio.run(main())
    assert wire.body == b"".join(b"data: %d\n\n" % number for number in range(20))
    assert len([body for body in wire.bodies if body]) == (2 if coalesce else 20)


def test_a_ping_waits_for_the_send_of_an_event():
    """A difference: there both may be under way. The wire refuses two sends at once."""

    async def main():
        wire = Wire()

        async def slow(message):
            await asyncio.sleep(0.03)

        wire.on_send = slow
        seen = Seen(*MODULES["ours"])
        content = items(seen, *["x"] * 5, waits=True)
        task = start(facade.EventSourceResponse(content, ping=0.01), wire)
        await until(lambda: PING.search(wire.body))
        wire.leave()
        await task
        return wire.body

    assert asyncio.run(main()).count(b"data: x\r\n\r\n") >= 1


def test_a_cleanup_may_wait_after_a_cancellation():
    """A difference: there every further wait of a cancelled generator is cancelled, too."""
    ends = {}
    for name, (module, _) in MODULES.items():

        async def generator(name=name):
            try:
                yield 1
                await asyncio.sleep(60)
            finally:
                ends[name] = "cut short"
                await asyncio.sleep(0.01)
                ends[name] = "done"

        async def main(module=module, generator=generator):
            wire = Wire()
            task = start(module.EventSourceResponse(generator()), wire)
            await until(lambda: wire.body)
            wire.leave()
            await task

        asyncio.run(main())
    assert ends == {"theirs": "cut short", "ours": "done"}


def test_an_iterator_that_has_ended_is_closed():
    """A difference: there it is left open, such as the receiving end of a memory stream."""
    left_open = {}
    for name, (module, _) in MODULES.items():

        async def main(name=name, module=module):
            sender, receiver = anyio.create_memory_object_stream(1)
            sender.send_nowait("x")
            sender.close()
            await start(module.EventSourceResponse(receiver), Wire())
            left_open[name] = receiver.statistics().open_receive_streams
            receiver.close()

        asyncio.run(main())
    assert left_open == {"theirs": 1, "ours": 0}


def test_nothing_is_logged_for_each_event(caplog):
    """A difference: there at DEBUG, each chunk and each ping."""
    caplog.set_level("DEBUG")

    async def main():
        await start(facade.EventSourceResponse(ready(3)), Wire())

    asyncio.run(main())
    assert [record for record in caplog.records if "sse" in record.name] == []
