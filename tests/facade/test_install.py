"""`install()`: what `import sse_starlette` gives, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def run(program, **options):
    """Run a program; return what it printed."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_after_it_give_ours_and_uninstall_gives_theirs_back():
    """The package, `sse` and `event`, by any form of import; uvicorn is as it was."""
    run(
        """
        import sys
        import uvicorn
        handler = uvicorn.Server.handle_exit
        import eventwire.sse_starlette
        eventwire.sse_starlette.install()
        eventwire.sse_starlette.install()
        import sse_starlette
        import sse_starlette.sse as sse
        from sse_starlette import EventSourceResponse, ServerSentEvent
        from sse_starlette.event import JSONServerSentEvent, ensure_bytes
        from sse_starlette.sse import AppStatus
        assert sse_starlette is eventwire.sse_starlette
        for thing in (EventSourceResponse, ServerSentEvent, JSONServerSentEvent, AppStatus, sse):
            assert getattr(thing, "__module__", thing.__name__).startswith("eventwire."), thing
        assert uvicorn.Server.handle_exit is handler
        eventwire.sse_starlette.uninstall()
        assert not [name for name in sys.modules if name.startswith("sse_starlette")]
        import sse_starlette as theirs
        assert theirs.EventSourceResponse is not EventSourceResponse
        assert theirs.sse.AppStatus is not AppStatus
        eventwire.sse_starlette.uninstall()
        """
    )


def test_it_stands_in_for_a_package_that_is_not_there(tmp_path):
    """Without sse-starlette an application that imports it runs."""
    run(
        """
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.startswith("sse_starlette"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Missing())
        import eventwire.sse_starlette
        eventwire.sse_starlette.install()
        from sse_starlette.sse import EventSourceResponse
        assert EventSourceResponse.__module__ == "eventwire.sse_starlette.sse"
        """
    )


def test_it_warns_when_it_comes_too_late(tmp_path):
    """It names the modules that have the originals, and replaces them for the others."""
    (tmp_path / "application.py").write_text("from sse_starlette.sse import EventSourceResponse\n")
    (tmp_path / "other.py").write_text("import sse_starlette\n")
    run(
        """
        import warnings
        import application, other
        import eventwire.sse_starlette
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            eventwire.sse_starlette.install()
        (warning,) = caught
        assert warning.category is RuntimeWarning
        assert "application, other" in str(warning.message), warning.message
        assert "Call it before" in str(warning.message)
        assert warning.filename == "<string>"
        from sse_starlette import EventSourceResponse
        assert EventSourceResponse is eventwire.sse_starlette.EventSourceResponse
        assert application.EventSourceResponse is not EventSourceResponse
        eventwire.sse_starlette.uninstall()
        import sse_starlette
        assert sse_starlette.sse.EventSourceResponse is application.EventSourceResponse
        """,
        cwd=tmp_path,
    )


@pytest.mark.parametrize("installed", [False, True])
def test_events_of_either_are_recognised_by_our_responses(installed):
    """Whichever is imported, and whenever."""
    run(
        f"""
        import eventwire, eventwire.sse_starlette
        if {installed}:
            eventwire.sse_starlette.install()
        import sse_starlette
        for cls in (sse_starlette.ServerSentEvent, eventwire.sse_starlette.ServerSentEvent):
            assert eventwire.Encoder().encode(cls("x", id="1")) == b"data: x\\nid: 1\\n\\n", cls
        """
    )
