"""The README's table of differences from sse-starlette: each row has a test."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TESTS = {
    "each event is a send of its own": (
        "response",
        "events_that_are_ready_together_share_a_message_unless_told_otherwise",
    ),
    "NUL in `id`": ("encode", "what_no_client_reads_is_refused"),
    "`uvicorn.Server.handle_exit` is replaced": ("status", "a_server_that_stops_ends_streams"),
    "`AppStatus.should_exit` stays True": (
        "status",
        "a_stop_is_told_while_streams_are_open_and_forgotten_with_the_next_server",
    ),
    "a task per thread looks every 0.5 s": (
        "status",
        "should_exit_ends_open_streams_at_once_and_later_ones_too",
    ),
    "`client_close_handler_callable` is also called": (
        "response",
        "the_handler_is_called_only_if_the_client_has_left",
    ),
    "a ping may be sent while": ("response", "a_ping_waits_for_the_send_of_an_event"),
    "a generator that is cancelled": ("response", "a_cleanup_may_wait_after_a_cancellation"),
    "an iterator that has ended is left open": ("response", "an_iterator_that_has_ended_is_closed"),
    "events of eventwire's own and of FastAPI's": ("encode", "events_of_others_are_events"),
    "each chunk and ping is logged": ("response", "nothing_is_logged_for_each_event"),
}


def test_each_row_of_the_table_has_a_test():
    """And each test that is named here is there."""
    text = (HERE.parents[1] / "README.md").read_text()
    section = text.partition("\n## Coming from sse-starlette\n")[2].partition("\n## ")[0]
    table = section.partition(
        "| sse-starlette 3.7 | `eventwire.sse_starlette` | why |\n|---|---|---|\n"
    )
    rows = re.findall(r"^\| (.*?) \|", table[2].partition("\n\n")[0], re.MULTILINE)
    assert len(rows) == len(TESTS)
    for beginning, (file, test) in TESTS.items():
        assert [row for row in rows if row.startswith(beginning)], beginning
        assert f"def test_{test}(" in (HERE / f"test_{file}.py").read_text(), test
