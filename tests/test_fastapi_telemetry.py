"""FastAPI's telemetry: its spans and data are those of the same route on `fastapi.sse`."""

import contextlib
from collections.abc import Iterable
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI

import twins
from route_table import answer
from route_table.table import Row, get

pytestmark = pytest.mark.newest
trace = pytest.importorskip("opentelemetry.trace")
telemetry = pytest.importorskip("fastapi.telemetry")


class Span(trace.NonRecordingSpan):
    """Writes down what happens to it."""

    def __init__(self, note, name, attributes):
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.note = note
        self.name = name
        note(("begins", name, sorted((attributes or {}).items())))

    def is_recording(self):
        return True

    def set_attribute(self, key, value):
        self.note((self.name, key, value))

    def set_attributes(self, attributes):
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def update_name(self, name):
        self.name = name

    def set_status(self, status, description=None):
        self.note((self.name, getattr(status, "status_code", status)))

    def end(self, end_time=None):
        self.note(("ends", self.name))


class Tracer(trace.Tracer):
    def __init__(self, note):
        self.note = note

    def start_span(self, name, context=None, kind=None, attributes=None, **options):
        return Span(self.note, name, attributes)

    @contextlib.contextmanager
    def start_as_current_span(self, name, context=None, kind=None, attributes=None, **options):
        options = {name: options[name] for name in options if name != "links"}
        with trace.use_span(Span(self.note, name, attributes), end_on_exit=True, **options) as span:
            yield span


class Spans(trace.TracerProvider):
    def __init__(self, note):
        self.note = note

    def get_tracer(self, *args, **options):
        return Tracer(self.note)


def application(note):
    return FastAPI(telemetry={"tracer_provider": Spans(note), "metrics": False, "logs": False})


def life(note):
    """What a stream sees of telemetry while it runs."""
    note(("current", trace.get_current_span().name))
    data = telemetry.get_telemetry_data()
    note((data.values, data.errors, data.body, data.request.url.path))


def dependency(tasks: BackgroundTasks):
    tasks.add_task(int)
    return 5


def async_generator(app, sse, note):
    app = application(note)

    @app.get("/{key}", response_class=sse.EventSourceResponse)
    async def stream(key: int, given: Annotated[int, Depends(dependency)]):
        life(note)
        yield key
        life(note)
        yield given

    return app


def sync_generator(app, sse, note):
    app = application(note)

    @app.get("/{key}", response_class=sse.EventSourceResponse)
    def stream(key: int, given: Annotated[int, Depends(dependency)]) -> Iterable[int]:
        life(note)
        yield key

    return app


def mounted(app, sse, note):
    outer = application(note)
    outer.mount("/sub", async_generator(app, sse, note))
    return outer


def ask(declare, *requests):
    row = Row(declare.__name__, declare, requests)
    return [answer.in_process(row, sse) for sse in twins.MODULES]


@pytest.mark.parametrize("declare", [async_generator, sync_generator])
def test_spans_and_data_of_a_stream_are_fastapis(declare):
    """The same spans with the same attributes in the same order, and what the generator sees."""
    theirs, ours = ask(declare, get("/7"), get("/x", status=422))
    for their, our in zip(theirs, ours, strict=True):
        assert our == their
    notes = [note for note in ours[0].trace if isinstance(note, tuple)]
    assert any(note[:2] == ("begins", "fastapi.dependencies") for note in notes)
    assert any(note[:2] == ("begins", "fastapi.background_task") for note in notes)
    assert ("current", "GET /{key}") in notes


def test_spans_of_a_mounted_application_are_fastapis():
    """The route of a sub-application has its whole path."""
    theirs, ours = ask(mounted, get("/sub/7"))
    assert ours == theirs


def test_a_function_without_yield_has_the_spans_of_one():
    """FastAPI has none for it on its path of streams; the endpoint's name is the same."""

    def returned(app, sse, note):
        app = application(note)

        @app.get("/", response_class=sse.EventSourceResponse)
        def give():
            return [1]

        return app

    def of_other_spans(answers):
        return [note for note in answers[0].trace if not more(note)]

    def more(note):
        return "fastapi.endpoint" in note or "fastapi.serialization" in note

    theirs, ours = ask(returned, get())
    assert of_other_spans(ours) == of_other_spans(theirs) == theirs[0].trace
    begun = [note[1] for note in ours[0].trace if more(note) and note[0] == "begins"]
    assert begun == ["fastapi.endpoint", "fastapi.serialization"]
