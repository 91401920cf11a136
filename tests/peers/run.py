"""FastAPI's own tests of server-sent events and of streaming, run against `eventwire.fastapi`.

They come from the sdist of the installed FastAPI and live in a temporary folder. Their imports,
and those of the tutorials they test, are rewritten: what they take from `fastapi.sse` or as
`EventSourceResponse` from anywhere in FastAPI comes from `eventwire.fastapi`. Streaming tests
without events run under the hook, too: it must leave such routes alone.

Files are found by what they mention, wherever a version keeps them. All tests must pass but those
in EXPECTED, which must fail and exist.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import fastapi

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import tutorials  # noqa: E402  # beside this folder

EVENTS = re.compile(r"\bEventSourceResponse\b|\bfastapi\.sse\b")
STREAMS = re.compile(r"\b(StreamingResponse|AsyncIterable|get_request_handler)\b|_PING_INTERVAL\b")

LEFT_OUT = {
    "tests/test_telemetry/": "FastAPI's spans, with the SDKs of several vendors",
}
"""Folders, and why."""

EXPECTED: dict[str, str] = {}
"""Tests that must fail here, and why: of FastAPI's private parts, or of a deliberate difference
(README)."""


def unpack(folder: Path) -> None:
    """Put the tests and tutorials of the installed FastAPI there; not the package itself."""
    with tarfile.open(tutorials.sdist()) as archive:
        for member in archive.getmembers():
            member.name = member.name.partition("/")[2]
            if member.name.startswith(("tests/", "docs_src/")):
                archive.extract(member, folder, filter="data")


def with_our_import(source: str) -> str:
    """Rewrite what a user rewrites, in any layout of the import statement."""
    lines = source.splitlines(keepends=True)
    for node in reversed(list(ast.walk(ast.parse(source)))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("fastapi"):
            continue
        ours = [
            name
            for name in node.names
            if node.module == "fastapi.sse" or name.name == "EventSourceResponse"
        ]
        if ours:
            theirs = [name for name in node.names if name not in ours]
            made = [ast.ImportFrom("eventwire.fastapi", ours, 0)]
            made += [ast.ImportFrom(node.module, theirs, 0)] if theirs else []
            text = "; ".join(map(ast.unparse, made))
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + text + "\n"]
    rewritten = "".join(lines)
    if left := re.findall(r".*(?:\bfastapi\.sse\b|\bfastapi import .*\bsse\b).*", rewritten):
        raise RuntimeError(f"left as they are: {left}")
    return rewritten


def chosen(folder: Path) -> tuple[list[str], list[str]]:
    """Return the test files about events and those about other streams; rewrite the former.

    A tutorial's test names its program's package, not its import.
    """
    programs = {
        path.parent.relative_to(folder).as_posix().replace("/", ".")
        for path in folder.glob("docs_src/**/*.py")
        if EVENTS.search(path.read_text())
    }
    streams, events = [], []
    for path in sorted(folder.glob("tests/**/test_*.py")):
        name = path.relative_to(folder).as_posix()
        text = path.read_text()
        if name.startswith(tuple(LEFT_OUT)):
            continue
        if EVENTS.search(text) or any(re.search(rf"\b{re.escape(p)}\b", text) for p in programs):
            events.append(name)
        elif STREAMS.search(text):
            streams.append(name)
    for path in folder.glob("**/*.py"):
        text = path.read_text()
        if EVENTS.search(text):
            path.write_text(with_our_import(text))
    return events, streams


def main() -> int:
    """Run them in a process of their own."""
    with tempfile.TemporaryDirectory(prefix="eventwire-peers-") as scratch:
        folder = Path(scratch)
        unpack(folder)
        events, streams = chosen(folder)
        print(f"FastAPI {fastapi.__version__}: {len(events)} files of events:", *events)
        print(f"{len(streams)} files of other streams:", *streams, flush=True)
        if not events:
            raise RuntimeError("no tests of server-sent events: where are they in this version?")
        (folder / "pytest.ini").write_text(
            "[pytest]\nfilterwarnings = error\nstrict_xfail = true\ntimeout = 60\n"
        )
        selected = sys.argv[1:]  # a part of the tests need not stream
        must_stream = [] if selected else events
        (folder / "expected.py").write_text(f"EXPECTED = {EXPECTED!r}\nEVENTS = {must_stream!r}\n")
        command = [sys.executable, "-m", "pytest", "--quiet", "-ra", "-p", "no:cacheprovider"]
        return subprocess.run(
            [*command, "-p", "plugin", *events, *streams, *selected],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            check=False,
        ).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"make peers: {error}")
