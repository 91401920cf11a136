"""README's table of differences, row by row, in terms that can be checked.

A difference turns FastAPI's answer into the one that the row promises; what comes out must equal
ours in every part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from route_table.answer import Answer

COMPLETE = "the body is complete"


@dataclass(frozen=True)
class Difference:
    """One row of README's table, found by a piece of it."""

    readme: str
    apply: Callable[[Answer, Answer], Answer]
    """Takes theirs and ours; returns theirs as the row says that ours is."""
    always: bool = True
    """False: FastAPI's answer is a race, and may be like ours."""


def _delivered(theirs: Answer, ours: Answer) -> Answer:
    assert ours.body.startswith(theirs.body)
    trace = [note for note in theirs.trace if note not in {COMPLETE, "around: the last message"}]
    return replace(theirs, body=ours.body, whole=False, trace=trace)


LOST = Difference("loses the last events before an error", _delivered)
"""The body itself is compared with what the request says is delivered."""
LOST_IN_ENDED = Difference(LOST.readme, lambda theirs, ours: replace(theirs, body=ours.body))
"""Inside a middleware that ends every body as if it were complete."""


def _bare(theirs: Answer, _ours: Answer) -> Answer:
    kind, _message, *inside = theirs.error
    assert kind.endswith("ExceptionGroup")
    (error,) = inside
    words = f"sees {error[0]}"
    return replace(
        theirs,
        error=error,
        trace=[note.replace(f"sees {kind}", words) for note in theirs.trace],
    )


GROUP = Difference("raises an `ExceptionGroup` around your exception", _bare)


def _already_started(theirs: Answer, _ours: Answer) -> Answer:
    message = "Caught handled exception, but response already started."
    assert theirs.error[0] in {"HTTPException", "RequestValidationError", "CustomError"}
    return replace(theirs, error=("RuntimeError", message))


STARTED = Difference("an `HTTPException` after the start passes", _already_started)
"""Comes after `GROUP`."""


def _closed_at_once(theirs: Answer, _ours: Answer) -> Answer:
    trace = [note for note in theirs.trace if note != "finally"]  # it may come at last
    trace.insert(trace.index("starts") + 1, "finally")
    return replace(theirs, trace=trace)


CLOSED = Difference("finalises generators by garbage collection", _closed_at_once)


def _very_error(kind: str, message: str) -> Callable[[Answer, Answer], Answer]:
    def apply(theirs: Answer, ours: Answer) -> Answer:
        assert theirs.error[0] != kind
        note = f"resource sees {kind}"
        trace = [n for n in theirs.trace if n != COMPLETE and not n.startswith("resource sees")]
        if "resource exits" in trace:
            trace.insert(trace.index("resource exits"), note)
        return replace(
            theirs, error=(kind, message), body=ours.body, whole=False, trace=trace, logs=ours.logs
        )

    return apply


CANCELLED = Difference(
    "a generator that raises `CancelledError` by itself", _very_error("CancelledError", "by itself")
)
EXITED = Difference("`GeneratorExit` of a sync one", _very_error("GeneratorExit", "exit"))


def _starts_after(event: str) -> Callable[[Answer, Answer], Answer]:
    def apply(theirs: Answer, ours: Answer) -> Answer:
        assert ours.trace.index(event) < ours.trace.index("starts")
        assert sorted(theirs.trace) == sorted(ours.trace)
        return replace(theirs, trace=ours.trace)

    return apply


STARTS = Difference(
    "starts the generator before the status and the headers are sent",
    _starts_after("status and headers are sent"),
)
RACES = Difference(
    'while a sync dependency of `scope="function"` is still exiting',
    _starts_after("resource exits"),
    always=False,
)


def _left(theirs: Answer, ours: Answer) -> Answer:
    assert theirs.error is None or theirs.error[0] == "ExceptionGroup"
    trace = [n for n in theirs.trace if n != "finally" and not n.startswith("resource sees")]
    trace.insert(trace.index("background task"), "finally")
    return replace(theirs, body=ours.body, error=None, trace=trace)


LEFT = Difference("after a client has left, background tasks run", _left)


def _served(theirs: Answer, ours: Answer) -> Answer:
    """FastAPI fails after a start of its own; ours is what the row's request says."""
    assert theirs.error is not None or theirs.status != ours.status
    return ours


RETURNED = Difference("fails when a route with `response_class` returns a response", _served)


def _with_headers(theirs: Answer, _ours: Answer) -> Answer:
    more = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    at = [name for name, _ in theirs.headers].index(b"content-type") + 1
    return replace(theirs, headers=[*theirs.headers[:at], *more, *theirs.headers[at:]])


HEADERS = Difference("a response that a route returns has just its `content-type`", _with_headers)


def _no_yield(theirs: Answer, ours: Answer) -> Answer:
    assert (theirs.status, theirs.body, theirs.error, theirs.trace) != (
        ours.status,
        ours.body,
        ours.error,
        ours.trace,
    )
    return ours


NO_YIELD = Difference("a function without `yield`", _no_yield)
"""What ours is, the request says."""


def _unchecked(theirs: Answer, ours: Answer) -> Answer:
    assert theirs.error is None
    assert ours.error is not None
    return ours


CHECKED = Difference("changed after construction", _unchecked)


THREAD = Difference(
    "plain `def` without `yield` is called on the event loop",
    lambda theirs, ours: replace(
        theirs, trace=["in a worker" if n == "on the loop" else n for n in theirs.trace]
    ),
)

ELSEWHERE = {
    "versions before 0.165 differ in bytes": (
        "route_parity", "a_route_that_differs_answers_as_the_readme_says_on_every_fastapi"
    ),
    "an idle stream survives SIGTERM": (
        "shutdown_servers", "uvicorn_with_100_idle_streams_exits_within_a_second"
    ),
    "one write per event": (
        "pump", "the_first_event_is_a_message_of_its_own_and_the_rest_is_coalesced"
    ),
    "a container that a serializer changes": (
        "robustness", "a_serializer_may_change_what_is_being_encoded"
    ),
    "functions patched in": (
        "fastapi_patched", "a_function_patched_in_fastapi_is_not_called_by_our_routes"
    ),
    "a `__pydantic_serializer__` put into a model by hand": (
        "fastapi_patched", "a_serializer_put_into_a_model_by_hand_is_not_used_for_items"
    ),
    "`fastapi.routing.ServerSentEvent` is the class": (
        "fastapi_patched", "the_name_that_fastapi_recognises_events_by_is_a_union"
    ),
    "`format_sse_event` writes what it is given": (
        "event_safety", "format_sse_event_refuses_an_illegal_field"
    ),
    "lone surrogates": ("event_safety", "a_lone_surrogate_is_refused_with_the_fields_name"),
    "a timeout or scope of the generator's own, around yields": (
        "cancel_fastapi", "a_generator_survives_its_own_timeout_while_the_client_does_not_read"
    ),
    "event data whose `model_dump_json()` returns `bytes`": (
        "fastapi_event", "json_of_event_data_that_is_no_text_is_a_type_error"
    ),
    "`eventwire.ServerSentEvent` (the native one)": (
        "event", "an_unknown_field_of_the_native_class_is_a_type_error"
    ),
}  # fmt: skip
"""The rows that are about something else than a route's answer, and their tests."""

ALL = [value for value in vars().values() if isinstance(value, Difference)]
