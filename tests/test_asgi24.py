"""ASGI HTTP spec 2.4, on a server of our own: today's announce 2.1 to 2.3.

From 2.4 on a `send` to a client that has left raises OSError, and `receive()` belongs to whoever
reads the body of the request.
"""

import asyncio

import fastapi
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route

import eventwire.fastapi
from asgi import Wire, until
from eventwire import EventSourceResponse

PARTS = [b"one ", b"two ", b"three"]


class Server(Wire):
    """A request with a body in parts; a send after the client has left raises OSError."""

    def __init__(self, method="POST", parts=PARTS):
        super().__init__(spec_version="2.4")
        self.scope["method"] = method
        if parts:
            self.scope["headers"] = [(b"transfer-encoding", b"chunked")]
        self.parts = list(parts)
        self.gone = False
        self.asked = 0

    async def receive(self):
        self.asked += 1
        if self.parts:
            part = self.parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self.parts)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.gone:
            raise OSError("the client has left")
        await super().send(message)


def run(app, server):
    return asyncio.create_task(app(server.scope, server.receive, server.send))


def reading(response_class):
    async def endpoint(request: Request):
        async def echo():
            async for part in request.stream():
                yield part.decode()

        return response_class(echo())

    return endpoint


def test_a_generator_may_read_the_body_of_the_request():
    """Nothing is taken away from it."""

    async def main():
        server = Server()
        app = Starlette(routes=[Route("/", reading(EventSourceResponse), methods=["POST"])])
        await asyncio.wait_for(run(app, server), 2)
        assert server.ended
        assert server.body == b'data: "one "\n\ndata: "two "\n\ndata: "three"\n\ndata: ""\n\n'

    asyncio.run(main())


def test_a_generator_of_a_fastapi_route_may_read_the_body_of_the_request():
    """Through the hook, too."""
    app = fastapi.FastAPI()

    @app.post("/", response_class=eventwire.fastapi.EventSourceResponse)
    async def echo(request: Request):
        async for part in request.stream():
            yield part.decode()

    async def main():
        server = Server()
        app_run = asyncio.create_task(app(server.scope, server.receive, server.send))
        await asyncio.wait_for(app_run, 2)
        assert server.body.startswith(b'data: "one "\n\ndata: "two "\n\ndata: "three"\n\n')

    asyncio.run(main())


@pytest.mark.usefixtures("kind")
def test_a_failing_send_closes_the_generator_and_is_a_client_disconnect():
    """As Starlette's streaming response tells it; `on_disconnect` is called."""
    order = []

    async def main():
        server = Server(parts=[b"body"])
        more = asyncio.Event()

        async def generator():
            try:
                yield 1
                await more.wait()
                yield 2
                await asyncio.Event().wait()
            finally:
                order.append("closed")

        response = EventSourceResponse(generator(), on_disconnect=lambda: order.append("left"))
        task = run(response, server)
        await until(lambda: server.body)
        server.gone = True
        more.set()
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(task, 1)
        assert server.asked == 0

    asyncio.run(main())
    assert order == ["closed", "left"]


@pytest.mark.usefixtures("kind")
def test_a_request_without_a_body_is_listened_to():
    """An idle generator need not wait for the next send to learn that the client has left."""
    closed = []

    async def main():
        server = Server(method="GET", parts=[])

        async def generator():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                closed.append(1)

        task = run(EventSourceResponse(generator()), server)
        await until(lambda: server.body)
        server.leave()
        await asyncio.wait_for(task, 0.25)

    asyncio.run(main())
    assert closed == [1]


def test_a_keep_alive_message_finds_out_that_the_client_has_left():
    """Where nobody listens the ping's send fails."""

    async def main():
        server = Server(parts=[b"body"])

        async def generator():
            yield 1
            await asyncio.Event().wait()

        task = run(EventSourceResponse(generator(), ping_interval=0.05), server)
        await until(lambda: server.body)
        server.gone = True
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(task, 1)

    asyncio.run(main())
