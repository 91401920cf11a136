"""httpx-sse: every event of every protocol, as the standard's rules give it."""

import app as judged
import httpx
import httpx_sse
import pytest

from ai_helpers import without_random_ids
from receiver import receive


@pytest.mark.parametrize("scenario", ["conversation", "pause", "tool", "error"])
@pytest.mark.parametrize("path", judged.PROTOCOLS)
def test_the_events_are_those_of_the_standard(base, server, path, scenario):
    with (
        httpx.Client(timeout=20) as client,
        httpx_sse.connect_sse(client, "POST", f"{base}/httpx/{scenario}/{path}") as source,
    ):
        events = [(event.event, event.data) for event in source.iter_sse() if event.event != "ping"]
    body = server.request(f"/raw/{scenario}/{path}").body
    expected = [(m.type, m.data) for m in receive(body).messages if m.type != "ping"]
    assert without_ids(events) == without_ids(expected)


def without_ids(events):
    return [(name, without_random_ids(data)) for name, data in events]


@pytest.mark.parametrize("path", judged.PROTOCOLS)
def test_leaving_a_stream_ends_the_generator(base, path, was_closed):
    with (
        httpx.Client(timeout=20) as client,
        httpx_sse.connect_sse(client, "POST", f"{base}/httpx/endless/{path}") as source,
    ):
        next(source.iter_sse())
    was_closed(f"/httpx/endless/{path}")
