"""What `make peers` rewrites in FastAPI's tests, in every layout of an import."""

import pytest

from peers import run


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            "from fastapi.sse import EventSourceResponse, ServerSentEvent\n",
            "from eventwire.fastapi import EventSourceResponse, ServerSentEvent\n",
        ),
        (
            "from fastapi.responses import (\n    EventSourceResponse,\n    Response,\n)\n",
            "from eventwire.fastapi import EventSourceResponse; "  # noqa: ISC004
            "from fastapi.responses import Response\n",
        ),
        (
            "def f():\n    from fastapi.sse import format_sse_event as g\n",
            "def f():\n    from eventwire.fastapi import format_sse_event as g\n",
        ),
        ("from fastapi.responses import Response\n", "from fastapi.responses import Response\n"),
        ("from own.sse import EventSourceResponse\n", "from own.sse import EventSourceResponse\n"),
    ],
)  # fmt: skip
def test_the_import_of_a_program_is_rewritten_and_nothing_else(theirs, ours):
    """Names of `fastapi.sse`, and its response wherever FastAPI offers it."""
    assert run.with_our_import(theirs) == ours


@pytest.mark.parametrize(
    "source",
    [
        "import fastapi.sse\n",
        "from fastapi import FastAPI, sse\n",
        'monkeypatch.setattr("fastapi.sse._NAME", 1)\n',
    ],
)
def test_a_use_that_is_not_understood_is_an_error(source):
    """A new layout must be noticed, not tested against FastAPI itself."""
    with pytest.raises(RuntimeError, match="left as they are"):
        run.with_our_import(source)
