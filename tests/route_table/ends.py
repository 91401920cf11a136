"""Ends that are not the generator's own: clients that leave, middlewares around a failure."""

import time

import anyio
from fastapi import BackgroundTasks, Depends
from fastapi.middleware.gzip import GZipMiddleware
from starlette.middleware.base import BaseHTTPMiddleware

from route_table.dependencies import resource
from route_table.differences import GROUP, LEFT, LOST, LOST_IN_ENDED
from route_table.errors import after_two_events, failing
from route_table.middlewares import Around, dispatch
from route_table.table import add, get


async def idle():
    yield 1
    await anyio.sleep_forever()


async def between_events():
    while True:
        yield 1
        await anyio.sleep(0.001)


async def never_waiting():
    while True:
        yield 1


async def with_a_slow_cleanup():
    try:
        yield 1
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)


def sync():
    while True:
        time.sleep(0.001)
        yield 1


for body in (idle, between_events, never_waiting, with_a_slow_cleanup, sync):

    def declare(app, sse, trace, body=body):
        def remember(tasks: BackgroundTasks, given=Depends(resource(trace, "resource"))):  # noqa: B008
            tasks.add_task(trace, "background task")

        def sync_life():
            try:
                yield from body()
            finally:
                trace("finally")

        async def life():
            try:
                async for item in body():
                    yield item
            finally:
                trace("finally")

        options = {"response_class": sse.EventSourceResponse, "dependencies": [Depends(remember)]}
        app.get("/", **options)(sync_life if body is sync else life)

    name = f"the client leaves a generator: {body.__name__}"
    add(name, declare, get(leaves=True), differs=(LEFT,), not_by=("server",))

AROUND = {
    "BaseHTTPMiddleware": (BaseHTTPMiddleware, {"dispatch": dispatch}),
    "GZip": (GZipMiddleware, {}),
    "a plain ASGI middleware": (Around, {}),
}
for name, (middleware, options) in AROUND.items():
    for is_sync in (False, True):

        def declare(app, sse, trace, case=(middleware, options, is_sync)):
            middleware, options, is_sync = case
            more = {"trace": trace} if middleware is Around else {}
            app.add_middleware(middleware, **options, **more)
            failing(app, sse, trace, after_two_events, lambda: ValueError("plain"), is_sync)

        if middleware is BaseHTTPMiddleware:
            differs = (GROUP,) if is_sync else (LOST_IN_ENDED, GROUP)
        else:
            differs = (LOST, GROUP)
        add(
            f"{name} around a failing stream, {'sync' if is_sync else 'async'}",
            declare,
            get(delivers=b"data: 1\n\ndata: 2\n\n"),
            differs=differs,
        )
