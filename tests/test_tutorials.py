"""FastAPI's own tutorials, with nothing but the import changed."""

import json

import pytest

import eventwire.fastapi
import tutorials

pytestmark = pytest.mark.newest

JSON = "content-type: application/json\r\n"
TEXTS = ["one two three", "", 'line\nend \u2028 quote" grüße 🎈', "word " * 500]
REQUESTS = {
    "get": [
        {},
        *({"headers": f"last-event-id: {last}\r\n"} for last in ("0", "1", "2", "-1", "x", "")),
        {"headers": "accept: text/event-stream\r\n"},
    ],
    "post": [
        *({"headers": JSON, "body": json.dumps({"text": text}).encode()} for text in TEXTS),
        {"headers": JSON, "body": b'{"text": 1}'},
        {"headers": JSON, "body": b"{not json"},
        {},
    ],
}


@pytest.fixture(scope="session")
def sources():
    return tutorials.sources()


@pytest.fixture(params=tutorials.NAMES)
def pair(request, sources):
    """The tutorial's application as it stands, and with our import."""
    name = request.param
    source = sources[name]
    return (
        tutorials.program(source, name),
        tutorials.program(tutorials.with_our_import(source), name),
    )


def test_every_answer_of_a_tutorial_is_the_same(serve, pair):
    """Status, headers, body and its end equal FastAPI's, whatever the client sends."""
    theirs, ours = map(serve, pair)
    streams = 0
    for path, operations in pair[0].openapi()["paths"].items():
        (method,) = operations
        right = [{"method": method.upper(), **request} for request in REQUESTS[method]]
        for request in [*right, {"method": "HEAD"}, {"method": "PUT"}]:
            expected = theirs.request(path, **request)
            got = ours.request(path, **request)
            assert got.comparable == expected.comparable, (path, request)
            streams += got.whole and got.body.startswith((b"data: ", b": ", b"event: "))
    assert streams >= 2, "the streams themselves were compared"


def test_the_openapi_document_of_a_tutorial_is_the_same(pair):
    """The documents are equal."""
    theirs, ours = pair
    assert ours.openapi() == theirs.openapi()
    assert "text/event-stream" in str(ours.openapi())


def test_a_tutorial_runs_on_our_response(pair):
    """Every streaming route of the changed program is ours, none of FastAPI's."""
    theirs, ours = pair

    def classes(app):
        return {
            getattr(route, "response_class", None)
            for route in app.routes
            if route.path in app.openapi()["paths"]
        }

    assert classes(ours) == {eventwire.fastapi.EventSourceResponse}
    assert classes(theirs).isdisjoint(classes(ours))
