"""Long strings, as JSON and as they stand, beside copying them."""

from __future__ import annotations

from encode.case import Case
from encode.contenders import (
    COMPACT,
    FASTAPI,
    MEMCPY,
    ORJSON,
    by_orjson,
    copied,
    fastapi_text,
    ours,
)
from eventwire import ServerSentEvent

CLEAN = "The quick brown fox jumps over the lazy dog. "
STRINGS = {
    "4 kB string, ASCII": CLEAN * 91,
    "4 kB string, quotes and newlines": 'She said: "The brown fox jumps over the dog."\n' * 89,
    "4 kB string, CJK": "漢字仮名交じり文を書く" * 124,
    "4 kB string, accents": "Les élèves étaient déjà là, à côté du café. " * 78,
    "1 MB string, ASCII": CLEAN * 23_302,
}
LINES = "\n".join(["A line of some forty characters of text."] * 1000)

CASES = [
    Case(
        name,
        {"eventwire, untyped": ours(COMPACT, text), ORJSON: by_orjson(text)},
        floors={MEMCPY: copied(text)},
    )
    for name, text in STRINGS.items()
] + [
    Case(
        "raw_data of 1,000 lines",
        {
            "eventwire.ServerSentEvent": ours(COMPACT, ServerSentEvent(raw_data=LINES)),
            FASTAPI: fastapi_text(LINES),
        },
        floors={MEMCPY: copied(LINES)},
    )
]
