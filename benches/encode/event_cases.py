"""Events with a name and an id, built and encoded, as a generator of a FastAPI route makes them."""

from __future__ import annotations

from encode.case import Case
from encode.contenders import FASTAPI, drop_in_event, fastapi_event, native_event
from encode.item_cases import CHUNK, ITEM, PAYLOAD

CASES = [
    Case(
        "event with an item, native class",
        {"eventwire.ServerSentEvent": native_event(ITEM), FASTAPI: fastapi_event(ITEM)},
        goal=6,
    ),
    Case(
        "event with an item, FastAPI's class",
        {"eventwire.fastapi.ServerSentEvent": drop_in_event(ITEM), FASTAPI: fastapi_event(ITEM)},
        goal=2.5,
    ),
    Case(
        "event with a chat chunk",
        {
            "eventwire.ServerSentEvent": native_event(CHUNK),
            FASTAPI: fastapi_event(CHUNK),
            "eventwire.fastapi.ServerSentEvent": drop_in_event(CHUNK),
        },
    ),
    Case(
        "event with a dict",
        {
            "eventwire.ServerSentEvent": native_event(PAYLOAD),
            FASTAPI: fastapi_event(PAYLOAD),
            "eventwire.fastapi.ServerSentEvent": drop_in_event(PAYLOAD),
        },
    ),
]
