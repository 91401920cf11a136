"""Three ways to ask an application: raw ASGI with every message, Starlette's client, a server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import twins
from asgi import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from route_table.table import Request, Row

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def described(error: BaseException | None) -> Any:
    """Say an exception in terms that can be compared; groups with what is in them."""
    if error is None:
        return None
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return (type(error).__name__, ADDRESS.sub("", str(error)), *map(described, inside))


@dataclass
class Answer:
    """What one request gave: the response, what reached the server, what was written down."""

    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False
    error: Any = None
    trace: list[Any] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    @property
    def is_stream(self) -> bool:
        """Whether it is one of events."""
        return (b"content-type", b"text/event-stream; charset=utf-8") in self.headers


class Exchange(Wire):
    """`receive` and `send` of one request with a body."""

    def __init__(self, request: Request, state: Any) -> None:
        super().__init__()
        path, _, query = request.target.partition("?")
        self.scope |= {
            "method": request.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "state": dict(state or {}),
        }
        self.scope["headers"] = [
            (b"host", b"test"),
            *((name.encode(), value.encode()) for name, value in request.headers),
        ]
        if request.body:
            self.scope["headers"].append((b"content-length", str(len(request.body)).encode()))
        self._body = request.body

    async def receive(self) -> dict[str, Any]:
        message = await super().receive()
        if message["type"] == "http.request":
            message["body"] = self._body
        return message


class Records(logging.Handler):
    """What was logged: logger, level, message, type of the exception."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.entries: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        message = ADDRESS.sub("", record.getMessage())
        self.entries.append((record.name, record.levelname, message, error))

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        root = logging.getLogger()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.removeHandler(self)
            root.setLevel(level)


async def exchange(app: Any, request: Request, state: Any, trace: list[Any]) -> Answer:
    """Send one request by raw ASGI; `trace` gets the end of the body and of the call."""
    wire, error = Exchange(request, state), None

    async def note_the_end(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            trace.append("the body is complete")
        if request.leaves and message.get("body"):
            wire.leave()

    wire.on_send = note_the_end
    records = Records()
    with records.recording():
        try:
            async with asyncio.timeout(5):
                await app(wire.scope, wire.receive, wire.send)
        except BaseException as raised:
            error = raised
        trace.append("the request is over")
    start = next((m for m in wire.messages if m["type"] == "http.response.start"), {})
    return Answer(
        start.get("status"),
        [tuple(header) for header in start.get("headers", [])],
        wire.body,
        wire.bodies != [] and not wire.messages[-1].get("more_body"),
        described(error),
        list(trace),
        records.entries,
    )


def in_process(row: Row, sse: ModuleType) -> list[Answer]:
    """Ask by raw ASGI, inside the application's lifespan."""
    trace: list[Any] = []
    app = twins.build(lambda app, sse: row.declare(app, sse, trace.append), sse)

    async def main() -> list[Answer]:
        answers = []
        async with app.router.lifespan_context(app) as state:
            for request in row.requests:
                answers.append(await exchange(app, request, state, trace))
                trace.clear()
        answers[-1].trace += trace
        return answers

    return asyncio.run(main())


def by_client(row: Row, sse: ModuleType) -> list[Answer]:
    """Ask by Starlette's test client."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old Starlette's client has its own
        from fastapi.testclient import TestClient  # noqa: PLC0415
    trace: list[Any] = []
    app = twins.build(lambda app, sse: row.declare(app, sse, trace.append), sse)
    answers = []
    with TestClient(
        app, "http://test", raise_server_exceptions=False, follow_redirects=False
    ) as client:
        for request in row.requests:
            headers = list(request.headers)
            reply = client.request(
                request.method, request.target, headers=headers, content=request.body
            )
            answers.append(
                Answer(reply.status_code, reply.headers.raw, reply.content, True, None, list(trace))
            )
            trace.clear()
    return answers


def by_server(row: Row, side: twins.Side) -> list[Answer]:
    """Ask a real uvicorn; each request an application of its own."""
    answers = []
    for request in row.requests:
        trace: list[Any] = []

        def declare(app: Any, sse: ModuleType, note: Any = trace.append) -> Any:
            return row.declare(app, sse, note)

        reply = side.ask(
            declare,
            request.target,
            method=request.method,
            headers="".join(f"{name}: {value}\r\n" for name, value in request.headers),
            body=request.body,
        )
        (error,) = side.errors or (None,)
        status, headers, body, whole = reply.comparable
        answers.append(Answer(status, headers, body, whole, described(error), trace))
    del error
    side.app, side.errors = None, []
    return answers
