"""Importing `eventwire.fastapi`: the self-check, what happens if it fails, and without FastAPI."""

import inspect
import subprocess
import sys
import textwrap

import anyio
import fastapi.routing
import pytest
from starlette.responses import StreamingResponse

from eventwire import _fastapi_check
from eventwire.fastapi import EventSourceResponse

# FastAPI's own function, below the hook.
ORIGINAL = fastapi.routing.get_request_handler.__wrapped__


def test_the_installed_fastapi_passes():
    """The check finds nothing to complain about, and the hook is installed, once."""
    assert _fastapi_check.problem(ORIGINAL, EventSourceResponse) is None
    assert fastapi.routing.get_request_handler is not ORIGINAL
    assert not hasattr(ORIGINAL, "__wrapped__")
    assert inspect.signature(fastapi.routing.get_request_handler) == inspect.signature(ORIGINAL)


def renamed(dep=None, status_code=None, response_cls=None):
    raise AssertionError("not to be called with these names")


def renamed_item_field(dependant, status_code=None, response_class=None, is_json_stream=False):
    return ORIGINAL(dependant, status_code=status_code, response_class=response_class)


def without_raw_branch(**_):
    async def handler(request):
        return StreamingResponse(iter(()), media_type="text/event-stream")

    return handler


def loses_the_status(**kwargs):
    return ORIGINAL(**{**kwargs, "status_code": None})


def wraps_the_generator(**kwargs):
    handler = ORIGINAL(**kwargs)

    async def wrapped(request):
        response = await handler(request)
        response._content = iter(())
        return response

    return wrapped


def raising(**_):
    async def handler(request):
        raise KeyError("changed")

    return handler


def raising_at_once(**_):
    raise KeyError("changed")


def awaiting(**kwargs):
    handler = ORIGINAL(**kwargs)

    async def wrapped(request):
        await anyio.sleep(0)
        return await handler(request)

    return wrapped


def not_async(**kwargs):
    return lambda request: None


def name_of(value):
    return getattr(value, "__name__", "")


FOREIGN = {
    renamed: "no dependant",
    renamed_item_field: "stream_item_field",
    without_raw_branch: "gave StreamingResponse",
    loses_the_status: "status code",
    wraps_the_generator: "generator was not found",
    raising: "KeyError",
    raising_at_once: "KeyError",
    awaiting: "",
    not_async: "",
}


@pytest.mark.parametrize(("foreign", "words"), FOREIGN.items(), ids=name_of)
def test_a_changed_fastapi_is_noticed(monkeypatch, foreign, words):
    """Whatever the internals do instead, the answer is a reason in words, not an exception."""
    monkeypatch.setattr(fastapi.routing, "get_request_handler", foreign)
    reason = _fastapi_check.problem(foreign, EventSourceResponse)
    assert isinstance(reason, str)
    assert words in reason


def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own; it must succeed."""
    result = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result


FALLBACK = """
import asyncio, logging, warnings
import fastapi, fastapi.routing, fastapi.sse
logged = []
class Handler(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())
logging.getLogger("eventwire").addHandler(Handler())
original = fastapi.routing.get_request_handler
{foreign}
fastapi.routing.get_request_handler = foreign
{importing}
assert fastapi.routing.get_request_handler is foreign, "not hooked"
{then}
warnings.simplefilter("ignore")  # the test client of an old Starlette has its own
from fastapi.testclient import TestClient

def answers(sse):
    app = fastapi.FastAPI()
    @app.get("/")
    def json() -> int:
        return 1
    @app.get("/stream", response_class=sse.EventSourceResponse, status_code=201)
    async def stream():
        yield {{"a": 1.0}}
        yield sse.ServerSentEvent(data="x", event="e", id="1", retry=5, comment="c")
    @app.get("/typed", response_class=sse.EventSourceResponse)
    def typed() -> __import__("typing").Iterable[float]:
        yield 1.5
    client = TestClient(app)
    replies = [client.get(path) for path in ("/", "/stream", "/typed")]
    return [(r.status_code, r.headers, r.content) for r in replies], app.openapi()

theirs, ours = answers(fastapi.sse), answers(eventwire.fastapi)
assert ours == theirs, (ours, theirs)
assert theirs[0][1][2].startswith(b'data: {{"a": 1.0}}'), theirs
assert theirs[0][2][2] == b"data: 1.5\\n\\n", theirs
"""
AWAITING = """
def foreign(*args, **kwargs):
    handler = original(*args, **kwargs)
    async def wrapped(request):
        await asyncio.sleep(0)
        return await handler(request)
    return wrapped
"""
RENAMED = """
def foreign(dep, response_cls=None):
    raise AssertionError
"""
RAISING = """
def foreign(**kwargs):
    raise KeyError
"""
# The last two could not make any route at all: they are only there during the import.
RESTORED = "fastapi.routing.get_request_handler = original"
WARNED = """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import eventwire.fastapi
assert [w.category for w in caught] == [eventwire.fastapi.FastAPIHookWarning]
assert fastapi.__version__ in str(caught[0].message), caught[0].message
assert caught[0].filename == "<string>", "the warning points at the import"
assert logged == []
"""
ERRORS = """
warnings.simplefilter("error")
import eventwire.fastapi
assert len(logged) == 1 and fastapi.__version__ in logged[0], logged
"""
programs = pytest.mark.parametrize(
    ("foreign", "then"),
    [(AWAITING, ""), (RENAMED, RESTORED), (RAISING, RESTORED)],
    ids=["awaiting", "renamed", "raising"],
)


@programs
def test_a_fastapi_that_does_not_fit_is_left_alone_with_one_warning(foreign, then):
    """The import warns once, of our own category; the routes give FastAPI's bytes on its path."""
    run(FALLBACK.format(foreign=foreign, then=then, importing=WARNED))


@programs
def test_the_warning_never_fails_an_import(foreign, then):
    """Where warnings are errors it is logged instead, and all works."""
    run(FALLBACK.format(foreign=foreign, then=then, importing=ERRORS))
    plain = FALLBACK.format(foreign=foreign, then=then, importing="import eventwire.fastapi")
    run(plain, "-W", "error")


def test_a_tool_that_wrapped_before_us_still_works():
    """It is found to fit, is called for our routes too, and its handler runs around ours."""
    run("""
        import warnings
        warnings.simplefilter("error")
        import fastapi.routing
        original, calls = fastapi.routing.get_request_handler, []
        def tool(*args, **kwargs):
            handler = original(*args, **kwargs)
            async def traced(request):
                calls.append(request.url.path)
                return await handler(request)
            return traced
        fastapi.routing.get_request_handler = tool
        import eventwire.fastapi
        from eventwire import _fastapi_hook
        assert fastapi.routing.get_request_handler is not tool
        app, made = fastapi.FastAPI(), []
        class Recorded(_fastapi_hook.RouteResponse):
            def __init__(self, *args, **kwargs):
                made.append(self)
                super().__init__(*args, **kwargs)
        _fastapi_hook.RouteResponse = Recorded
        @app.get("/sse", response_class=eventwire.fastapi.EventSourceResponse)
        def stream():
            yield 1
        warnings.simplefilter("ignore")  # the test client of an old Starlette has its own
        from fastapi.testclient import TestClient
        assert TestClient(app).get("/sse").content == b"data: 1\\n\\n"
        assert calls[-1] == "/sse", calls
        assert len(made) == 1
        """)


BLOCKED = """
    import sys
    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "fastapi":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, Blocker())
"""


def test_without_fastapi_the_import_says_what_to_install():
    """`ModuleNotFoundError` names the extra; `except ImportError` catches it."""
    run(
        BLOCKED
        + """
    try:
        import eventwire.fastapi
    except ModuleNotFoundError as error:
        assert "pip install eventwire[fastapi]" in str(error), error
        assert error.name == "fastapi"
    else:
        raise SystemExit("it was imported")
    """
    )


def test_an_error_inside_fastapi_is_not_mistaken_for_its_absence():
    """A module that FastAPI itself misses is named as it is."""
    run(
        BLOCKED.replace('"fastapi"', '"annotated_doc"')
        + """
    try:
        import eventwire.fastapi
    except ModuleNotFoundError as error:
        assert error.name == "annotated_doc", error
        assert "eventwire" not in str(error)
    """
    )


def test_the_root_package_works_without_fastapi():
    """It neither needs nor imports FastAPI."""
    program = """
    import sys, eventwire
    assert eventwire.Encoder().encode(eventwire.ServerSentEvent(data=1)) == b"data: 1\\n\\n"
    eventwire.EventSourceResponse(iter(()))
    assert not [name for name in sys.modules if name.split(".")[0] == "fastapi"]
    """
    run(program)
    run(BLOCKED + program)
