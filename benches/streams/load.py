"""The load client, pinned to the other core."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any
from urllib.parse import quote

from server import CLIENT_CORE, ROOT

BINARY = ROOT / "target/release/eventwire-load"


def build() -> None:
    """Compile it, unless that is done."""
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "eventwire-load"]
    subprocess.run(command, cwd=ROOT, check=True)


def pin() -> None:
    """Keep this process off the server's core."""
    os.sched_setaffinity(0, {CLIENT_CORE})


def start(port: int, target: str, **options: Any) -> subprocess.Popen[str]:
    """Begin to read streams; see `eventwire-load`'s own help for the options."""
    command = [str(BINARY), "read", "--address", f"127.0.0.1:{port}"]
    command += ["--target", quote(target, safe="/?=&")]
    for name, value in options.items():
        command.append(f"--{name.replace('_', '-')}")
        if value is not True:
            command.append(str(value))
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin)  # noqa: PLW1509  # no threads here


def finish(process: subprocess.Popen[str], seconds: float = 120) -> dict[str, Any]:
    """Wait for its report."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except BaseException:
        process.kill()
        raise
    assert process.returncode == 0, output
    report: dict[str, Any] = json.loads(output)
    assert not report["failed"], report["error"]
    return report


def read(port: int, target: str, **options: Any) -> dict[str, Any]:
    """Read streams to the end."""
    return finish(start(port, target, **options))


def ceiling(frame: bytes, seconds: float = 2.0) -> dict[str, Any]:
    """What the client takes from a source that costs nothing: its own limit."""
    command = [str(BINARY), "source", "--seconds", str(int(seconds) + 3), "--frame", frame.decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as source:
        assert source.stdout is not None
        port = int(source.stdout.readline())
        try:
            return read(port, "/", streams=1, warm_up=0.3, seconds=seconds)
        finally:
            source.kill()
