"""One application twice, on `fastapi.sse` and on `eventwire.fastapi`, behind two real uvicorns."""

import contextlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import fastapi.routing
import fastapi.sse
from fastapi import FastAPI
from starlette.responses import StreamingResponse

import eventwire.fastapi
from servers import Reply, Server, wait_until

MODULES = (fastapi.sse, eventwire.fastapi)
COMBINATIONS = ["httptools-uvloop", "h11-asyncio"]

Declare = Callable[[FastAPI, ModuleType], FastAPI | None]
"""Declares routes of an application with the classes of the module it is given; it may return
an application of its own instead."""


def build(declare: Declare, sse: ModuleType) -> FastAPI:
    """Make the application that `declare` describes with the classes of `sse`."""
    # FastAPI caches by id() of the endpoint, and the functions inside tests do not live long.
    fastapi.routing._endpoint_context_cache.clear()
    app = FastAPI()
    return declare(app, sse) or app


class Raw(StreamingResponse):
    """A response class of somebody else."""

    media_type = "text/x-raw"


class Side:
    """One of the two: a server into which a test puts its application."""

    def __init__(self, sse: ModuleType, combination: str):
        http, loop = combination.split("-")
        self.sse = sse
        self.server = Server(self, http=http, loop=loop)
        self.app: Any = None
        self.active = 0
        self.errors: list[BaseException] = []
        """What reached the server while it answered the last request."""

    async def __call__(self, scope, receive, send):
        self.active += 1
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            self.active -= 1

    def ask(self, declare: Declare, target: str = "/", **request: Any) -> Reply:
        """Put a new application in, send it one request, wait until it is done with it."""
        self.app = build(declare, self.sse)
        self.errors = []
        reply = self.server.request(target, **request)
        wait_until(lambda: self.active == 0, "the application")
        return reply

    def failure(self, declare: Declare, target: str = "/", **request: Any):
        """Ask for a stream that fails: what was delivered, and what reached the server."""
        reply = self.ask(declare, target, **request)
        (error,) = self.errors
        return reply, error


class Twins:
    """Both sides."""

    def __init__(self, theirs: Side, ours: Side):
        self.theirs = theirs
        self.ours = ours

    def same(
        self, declare: Declare, target: str = "/", *, status: int = 200, **request: Any
    ) -> Reply:
        """Check that both answer the same, with this status and to the end; return the answer."""
        theirs = self.theirs.ask(declare, target, **request)
        ours = self.ours.ask(declare, target, **request)
        assert ours.comparable == theirs.comparable
        assert (ours.status, ours.whole) == (status, True)
        assert self.theirs.errors == self.ours.errors == []
        return ours


@contextlib.contextmanager
def served(combination: str) -> Iterator[Twins]:
    """Run both servers."""
    theirs = Side(fastapi.sse, combination)
    ours = Side(eventwire.fastapi, combination)
    with theirs.server, ours.server:
        yield Twins(theirs, ours)


def leaf(error: BaseException) -> BaseException:
    """Take an exception out of the groups around it, each of which holds just one."""
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    return error
