"""Litestar's ServerSentEvent: `/item/litestar` and `/chunk/litestar`."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, get
from litestar.response import ServerSentEvent
from payloads import CHUNKS, ITEMS, Pace


def endpoint(path: str, items: list[Any]) -> Any:
    @get(path)
    async def endpoint(n: int, period: float = 0) -> ServerSentEvent:
        async def texts():
            pace = Pace(period)
            for item in pace.items(items, n):
                yield item.model_dump_json()
                if period:
                    await pace.next()

        return ServerSentEvent(texts())

    return endpoint


contenders = Litestar([endpoint("/item/litestar", ITEMS), endpoint("/chunk/litestar", CHUNKS)])
