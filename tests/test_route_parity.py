"""A table of routes, on `fastapi.sse` and on `eventwire.fastapi`: the answers are the same."""

import contextlib
import dataclasses
import gc
import importlib
import json
import sys
import warnings
from pathlib import Path

import fastapi.sse
import pytest
from fastapi import APIRouter

import eventwire.fastapi
import twins
from eventwire import _response
from eventwire.fastapi import EventSourceRoute
from route_table import answer, differences
from route_table.table import ROWS

README = Path(__file__).parents[1] / "README.md"
for name in (
    "dependencies", "documents", "endpoints", "ends", "errors", "items", "middlewares", "misuse",
    "parameters", "responses", "routers",
):  # fmt: skip
    importlib.import_module(f"route_table.{name}")  # enters its rows

PARTS = tuple(field.name for field in dataclasses.fields(answer.Answer))


def of_the_newest(row):
    """Whether it is compared with the newest FastAPI only: older ones answer differently."""
    return row.newest or row.differs


def cases(rows, *others):
    """Make parameters of rows, with the same further parameters for each."""
    return [
        pytest.param(
            row,
            *others,
            id="-".join([row.name, *others]),
            marks=[pytest.mark.newest] if of_the_newest(row) else [],
        )
        for row in rows
    ]


CUTTING = (differences.LOST, differences.CANCELLED, differences.EXITED)
BY_CLIENT = [row for row in ROWS.values() if not row.differs and "client" not in row.not_by]


@pytest.fixture
def made(monkeypatch):
    """The responses of ours that answer during the test."""
    made, answer_one = [], _response.EventSourceResponse.__call__

    async def recorded(response, *args):
        made.append(response)
        await answer_one(response, *args)

    monkeypatch.setattr(_response.EventSourceResponse, "__call__", recorded)
    return made


@contextlib.contextmanager
def tolerated(row):
    """Let FastAPI leave behind what it leaves behind, in a row that says so."""
    if not row.untidy:
        yield
        return
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(sys, "unraisablehook", lambda unraisable: None)
        warnings.simplefilter("ignore")
        yield
        gc.collect()


def compare(row, theirs, ours, parts=PARTS, *, exact=True):
    """Check what is equal, and that what differs does so as README says."""
    shown = set()
    for request, their, our in zip(row.requests, theirs, ours, strict=True):
        for difference in row.differs:
            expected = difference.apply(their, our)
            if expected != their:
                shown.add(difference)
            their = expected  # noqa: PLW2901  # as far as this row
        for part in parts:
            assert getattr(our, part) == getattr(their, part), (request, part)
        assert request.status in {None, our.status}, request
        assert request.delivers in {None, our.body}, request
        assert our.body or request.empty, request
    missing = {difference for difference in row.differs if difference.always} - shown
    assert not (exact and missing), "no longer a difference"


@pytest.mark.parametrize("row", cases(ROWS.values()))
def test_a_route_answers_and_lives_the_same(row, made):
    """Status, raw headers, body, errors, order of life and log records, by raw ASGI."""
    with tolerated(row):
        theirs = answer.in_process(row, twins.MODULES[0])
    assert made == []
    ours = answer.in_process(row, twins.MODULES[1])
    compare(row, theirs, ours)
    assert len(made) == sum(reply.is_stream for reply in ours)


@pytest.fixture
def way(request, monkeypatch):
    """Accelerate routes that name `fastapi.sse`, in one of the two ways."""
    if request.param == "install":
        eventwire.fastapi.install()
        yield
        eventwire.fastapi.uninstall()
    else:
        defaults = {**APIRouter.__init__.__kwdefaults__, "route_class": EventSourceRoute}
        monkeypatch.setattr(APIRouter.__init__, "__kwdefaults__", defaults)
        yield


@pytest.fixture
def theirs(row):
    with tolerated(row):
        return answer.in_process(row, fastapi.sse)


# What a route returns there is FastAPI's own response.
BY_IMPORT = {differences.RETURNED, differences.HEADERS}
ACCELERATED = [row for row in ROWS.values() if BY_IMPORT.isdisjoint(row.differs)]


@pytest.mark.parametrize(
    ("row", "way"),
    [*cases(ACCELERATED, "install"), *cases(ACCELERATED[::2], "EventSourceRoute")],
    indirect=["way"],
)
def test_a_route_of_fastapi_sse_answers_the_same_once_accelerated(row, theirs, way, made):
    """With FastAPI's import left as it is: `install()`, and `EventSourceRoute` in every router."""
    ours = answer.in_process(row, fastapi.sse)
    compare(row, theirs, ours)
    if "route class" not in row.name:  # these have another than ours
        assert len(made) == sum(reply.is_stream for reply in ours)


@pytest.fixture(scope="module")
def pair(request):
    with twins.served(request.param) as pair:
        yield pair


SERVED = [row for row in ROWS.values() if "server" not in row.not_by]


@pytest.mark.parametrize("pair", twins.COMBINATIONS[:1], indirect=True)
@pytest.mark.parametrize("row", cases(SERVED))
def test_a_route_answers_the_same_on_a_real_server(row, pair):
    """Status, headers, decoded body and its end, errors; and the order of life where it is one."""
    compare_served(row, pair)


@pytest.mark.parametrize("pair", twins.COMBINATIONS[1:], indirect=True)
@pytest.mark.parametrize("row", cases(SERVED[::3]))
def test_a_route_answers_the_same_on_another_real_server(row, pair):
    """A sample on the other HTTP implementation and event loop."""
    compare_served(row, pair)


def compare_served(row, pair):
    ours = answer.by_server(row, pair.ours)
    if row.untidy:
        # What FastAPI leaves behind in the server's thread could not be waited for.
        for here, there in zip(answer.in_process(row, twins.MODULES[1]), ours, strict=True):
            assert (there.status, there.body, there.whole) == (here.status, here.body, here.whole)
            assert there.error == here.error
        return
    theirs = answer.by_server(row, pair.theirs)
    compare(row, theirs, ours, ["status", "headers", "body", "whole", "error"], exact=False)
    if not row.differs:
        compare(row, theirs, ours, ["trace"])


@pytest.mark.parametrize("row", cases(BY_CLIENT[::2]))
def test_a_route_answers_the_same_to_the_test_client(row):
    """Status, headers and body as users test them."""
    theirs, ours = (answer.by_client(row, sse) for sse in twins.MODULES)
    compare(row, theirs, ours)


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if of_the_newest(row)], ids=lambda row: row.name
)
def test_a_route_that_differs_answers_as_the_readme_says_on_every_fastapi(row):
    """Our status and what is delivered do not depend on the version that is installed."""
    for request, reply in zip(row.requests, answer.in_process(row, twins.MODULES[1]), strict=True):
        assert request.status in {None, reply.status}, request
        assert request.delivers in {None, reply.body}, request
        if any(difference in row.differs for difference in CUTTING):
            assert not reply.whole


def test_every_row_of_the_readmes_table_is_shown_and_no_other_difference_allowed():
    """By a route of this table, or by a test that is named here."""
    _, _, section = README.read_text().partition("## Deliberate differences from `fastapi.sse`\n\n")
    _head, _line, *rows = section.partition("\n\n")[0].splitlines()
    pieces = [difference.readme for difference in differences.ALL] + [*differences.ELSEWHERE]
    found = {piece: [row for row in rows if piece in row] for piece in pieces}
    assert [piece for piece in pieces if len(found[piece]) != 1] == []
    assert {row for (row,) in found.values()} == set(rows)
    for difference in differences.ALL:
        assert any(difference in row.differs for row in ROWS.values()), difference.readme
    for file, name in differences.ELSEWHERE.values():
        text = Path(__file__).with_name(f"test_{file}.py").read_text()
        assert f"def test_{name}(" in text


@pytest.mark.parametrize("row", cases(ROWS.values()))
def test_an_application_is_documented_the_same(row):
    """The OpenAPI documents are equal, and their parts are in the same order."""
    documents, warned = [], []
    for sse in twins.MODULES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            app = twins.build(lambda app, sse: row.declare(app, sse, lambda note: None), sse)
            documents.append(json.dumps(app.openapi()))
        warned.append([(warning.category, str(warning.message)) for warning in caught])
    assert documents[0] == documents[1]
    assert warned[0] == warned[1]
