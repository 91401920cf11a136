"""The server-sent events tutorials of the installed FastAPI, taken from its sdist."""

import subprocess
import sys
import tarfile
import types
from pathlib import Path
from typing import Any

import fastapi

NAMES = [f"tutorial{number:03}" for number in range(1, 6)]


def sdist() -> Path:
    """Return the sdist of the installed FastAPI; it is downloaded once per environment."""
    version = fastapi.__version__
    peers = Path(sys.prefix) / "peers"
    sdist = peers / f"fastapi-{version}.tar.gz"
    if not sdist.exists():
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        options = ["--quiet", "--no-deps", "--no-binary", "fastapi", "--dest", str(peers)]
        subprocess.run([*command, *options, f"fastapi=={version}"], check=True)
    return sdist


def sources() -> dict[str, str]:
    """Return the programs by name."""
    folder = f"fastapi-{fastapi.__version__}/docs_src/server_sent_events"
    with tarfile.open(sdist()) as archive:
        files = {name: archive.extractfile(f"{folder}/{name}.py") for name in NAMES}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def program(source: str, name: str) -> Any:
    """Run a program and return its application."""
    module = types.ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module.app


def with_our_import(source: str) -> str:
    """Change the one line a user changes."""
    old = "from fastapi.sse import "
    assert source.count(old) == 1
    assert source.count("fastapi.sse") == 1
    return source.replace(old, "from eventwire.fastapi import ")
