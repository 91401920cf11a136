"""sse-starlette's own tests, and the MCP SDK's of its streams, on `eventwire.sse_starlette`.

They come from the sdists of the installed versions and live in a temporary folder; nothing in them
is changed. All must pass but those in EXPECTED, which must fail and exist.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent

LEFT_OUT = {
    "tests/test_broadcasting_example.py": "needs an example that is not in the sdist",
}
"""Files, and why."""

_WATCHER = "of sse-starlette's private watcher, which is not there"
_STATE = "of sse-starlette's private state of a thread, which is not there"
_CLASS = "tests/test_issue132.py::TestUvicornServerIntrospection::test_returns_"
_SOURCES = "tests/test_issue132.py::TestShutdownWatcherDualSource::test_"
_LEAK = "tests/test_issue152.py::TestIssue152WatcherLeak::test_"
_LOOPS = "tests/test_multi_loop.py::Test"
_DISCONNECT = (
    "tests/test_sse.py::TestEventSourceResponse::"
    "test_disconnect_whenClientDisconnects_thenHandlesGracefully"
)
EXPECTED = {
    **dict.fromkeys(
        [
            f"{_CLASS}server_when_handler_is_bound_method",
            f"{_CLASS}none_when_handler_is_sig_dfl",
            f"{_CLASS}none_when_handler_is_sig_ign",
            f"{_CLASS}none_when_handler_lacks_self",
            f"{_CLASS}none_when_self_lacks_should_exit",
            f"{_CLASS}none_on_exception",
            f"{_SOURCES}detects_appstatus_should_exit",
            f"{_SOURCES}detects_uvicorn_server_should_exit",
            f"{_SOURCES}fallback_when_no_uvicorn_server",
            f"{_LEAK}single_watcher_per_thread",
            f"{_LEAK}watcher_broadcasts_to_all_events",
            f"{_LEAK}rapid_ensure_calls_spawn_single_watcher",
            f"{_LEAK}event_removal_during_broadcast_is_safe",
            f"{_LEAK}watcher_cleanup_allows_restart",
            f"{_LOOPS}UvicornIntrospection::test_uvicorn_should_exit_ignored_when_disabled",
        ],
        _WATCHER,
    ),
    f"{_LOOPS}MultiLoopSafety::test_same_thread_shares_state": _STATE,
    f"{_LOOPS}MultiLoopSafety::test_thread_isolation": _STATE,
    f"{_LOOPS}Issue149HandleExitSignaling::test_all_tasks_share_same_shutdown_state": _STATE,
    "tests/test_sse.py::TestEventSourceResponse::"
    "test_ping_whenConcurrentWithEvents_thenRespectsLocking[asyncio]": (
        "wants a ping to be sent while an event's send is under way: ours waits"
    ),
    f"{_DISCONNECT}[asyncio]": "wants a log line for each event; the fixture is not in the sdist",
    f"{_DISCONNECT}[trio]": "the same",
}
"""Tests that must fail here, and why."""

MCP = [
    "tests/client/test_streamable_http.py",
    "tests/interaction/transports",
    "tests/issues/test_1363_race_condition_streamable_http.py",
    "tests/server/test_sse_security.py",
    *[f"tests/server/test_streamable_http_{name}.py" for name in (
        "manager", "modern", "router", "security",
    )],
    "tests/shared/test_sse.py",
    "tests/shared/test_streamable_http.py",
]  # fmt: skip
"""The MCP SDK's tests of server-sent events and of streamable HTTP."""


def unpack(package: str, folder: Path) -> None:
    """Put the tests of an installed package there; its sdist is downloaded once."""
    peers = Path(sys.prefix) / "peers"
    name = f"{package.replace('-', '_')}-{version(package)}"
    if not (peers / f"{name}.tar.gz").exists():
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        options = ["--quiet", "--no-deps", "--no-binary", package, "--dest", str(peers)]
        subprocess.run([*command, *options, f"{package}=={version(package)}"], check=True)
    with tarfile.open(peers / f"{name}.tar.gz") as archive:
        for member in archive.getmembers():
            member.name = member.name.partition("/")[2]
            # The SDK's tests read its programs for the documentation.
            if member.name.startswith(("tests/", "docs_src/", "examples/")):
                archive.extract(member, folder, filter="data")


def run(package: str, files: list[str], settings: str, expected: dict[str, str]) -> int:
    """Run the tests of a package in a process of their own."""
    with tempfile.TemporaryDirectory(prefix="eventwire-peers-") as scratch:
        folder = Path(scratch)
        unpack(package, folder)
        for name in LEFT_OUT:
            (folder / name).unlink(missing_ok=True)
        print(f"{package} {version(package)}", flush=True)
        (folder / "pytest.ini").write_text(f"[pytest]\nstrict_xfail = true\n{settings}")
        (folder / "expected.py").write_text(f"EXPECTED = {expected!r}\n")
        command = [sys.executable, "-m", "pytest", "--quiet", "-ra", "-p", "no:cacheprovider"]
        # Plugins that are found by themselves would import sse-starlette, by the MCP SDK, too soon.
        plugins = ["facade_plugin", "anyio.pytest_plugin", "inline_snapshot.pytest_plugin"]
        return subprocess.run(
            [*command, "-W", "ignore", *(x for plugin in plugins for x in ("-p", plugin)), *files],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": f"{HERE}{os.pathsep}{folder}",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
            check=False,
        ).returncode


def main() -> int:
    """Run both."""
    marks = "markers = integration: x\n experimentation: x\n requirement(id): x\n"
    theirs = run("sse-starlette", ["tests"], marks, EXPECTED)
    sdks = run("mcp", MCP, marks, {})
    return theirs or sdks


if __name__ == "__main__":
    sys.exit(main())
