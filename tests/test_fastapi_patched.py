"""What a program replaces by hand in FastAPI and Pydantic: what counts for our routes, what not."""

from collections.abc import AsyncIterable

import fastapi.encoders
import fastapi.routing
import fastapi.sse
import pytest
from pydantic import BaseModel

import eventwire
import eventwire.fastapi
import twins
from route_table import answer
from route_table.table import Row, get


def bodies(declare):
    """Ask for a stream of FastAPI's and for one of ours."""
    row = Row("patched", declare, (get(),))
    return [answer.in_process(row, sse)[0].body for sse in twins.MODULES]


def patched_json(*_, **__):
    return {"patched": 1}


PATCHES = {
    "jsonable_encoder": (fastapi.routing, "jsonable_encoder", patched_json, b'{"patched": 1}'),
    "format_sse_event": (
        fastapi.routing,
        "format_sse_event",
        lambda **_: b"data: patched\n\n",
        b"patched",
    ),
    "the encoders' own name": (
        fastapi.encoders,
        "jsonable_encoder",
        lambda value, **_: f"patched {value}",
        b'{"patched a": "patched 1"}',
    ),
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_a_function_patched_in_fastapi_is_not_called_by_our_routes(monkeypatch, patch):
    """The encoder writes what FastAPI's own functions write; `_PING_INTERVAL` is the exception."""
    module, name, replaced, theirs_is = patch

    def routes(app, sse):
        @app.get("/", response_class=sse.EventSourceResponse)
        async def stream():
            yield {"a": 1}

    monkeypatch.setattr(module, name, replaced)
    theirs, ours = bodies(lambda app, sse, trace: routes(app, sse))
    assert theirs == b"data: " + theirs_is + b"\n\n"
    assert ours == b'data: {"a": 1}\n\n'


class Replaced:
    """Stands in place of a class's serializer."""

    def to_python(self, value, **options):
        return {"patched": 1}

    def to_json(self, value, **options):
        return b'{"patched":1}'


@pytest.mark.parametrize("declared", [False, True], ids=["untyped", "typed"])
def test_a_serializer_put_into_a_model_by_hand_is_not_used_for_items(declared):
    """Plans are compiled from the schema; FastAPI does not use it for a declared type either."""

    class Model(BaseModel):
        a: int = 1

    Model.__pydantic_serializer__ = Replaced()

    def routes(app, sse, trace):
        async def stream():
            yield Model()
            if not declared:
                yield {"in": Model()}

        if declared:
            stream.__annotations__["return"] = AsyncIterable[Model]
        app.get("/", response_class=sse.EventSourceResponse)(stream)

    theirs, ours = bodies(routes)
    if declared:
        assert ours == theirs == b'data: {"a":1}\n\n'
    else:
        assert theirs == b'data: {"patched": 1}\n\ndata: {"in": {"patched": 1}}\n\n'
        assert ours == b'data: {"a": 1}\n\ndata: {"in": {"a": 1}}\n\n'


def test_the_name_that_fastapi_recognises_events_by_is_a_union():
    """`isinstance` and `issubclass` know all classes; it cannot be called, `fastapi.sse`'s can."""
    name = fastapi.routing.ServerSentEvent
    assert name == (
        fastapi.sse.ServerSentEvent | eventwire.ServerSentEvent | eventwire.TemplatedEvent
    )
    for cls in (
        fastapi.sse.ServerSentEvent,
        eventwire.ServerSentEvent,
        eventwire.fastapi.ServerSentEvent,
    ):
        assert isinstance(cls(data=1), name)
        assert issubclass(cls, name)
    assert not isinstance({"data": 1}, name)
    with pytest.raises(TypeError, match="not callable"):
        name(data=1)
    assert fastapi.sse.ServerSentEvent(data=1).data == 1
