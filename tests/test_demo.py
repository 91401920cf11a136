"""`make demo`: what it prints, when it ends, and that nothing of it is left behind."""

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

DEMO = Path(__file__).parents[1] / "examples" / "demo"
QUICK = ["--events", "500", "--rounds", "1"]
URL = re.compile(r"in a browser: http://127\.0\.0\.1:(\d+)")


def environment(**more: str) -> dict[str, str]:
    """Return this environment as it is outside CI."""
    return {name: value for name, value in os.environ.items() if name != "CI"} | more


class OnTerminal:
    """The demo as someone at a terminal runs it, as a context."""

    def __init__(self, *options: str, **env: str):
        self._terminal, far_end = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, DEMO, *options],
            stdin=far_end,
            stdout=far_end,
            stderr=far_end,
            env=environment(**env),
            start_new_session=True,
        )
        os.close(far_end)
        self.output = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def read_until(self, marker: str | re.Pattern[str], seconds: float = 30) -> str:
        """Read until `marker` has been printed."""
        deadline = time.monotonic() + seconds
        while not re.search(marker, self.output):
            left = deadline - time.monotonic()
            assert left > 0, f"waited {seconds} s for {marker!r}: {self.output}"
            if select.select([self._terminal], [], [], left)[0]:
                self.output += os.read(self._terminal, 65536).decode()
        return self.output

    def read_all(self) -> str:
        """Read what is left when the demo has ended."""
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(self._terminal, 65536):
                self.output += chunk.decode()
        return self.output

    def port(self) -> int:
        """Wait until the demo serves the page; return the port."""
        found = URL.search(self.read_until(URL))
        assert found
        return int(found[1])

    def interrupt(self) -> tuple[int, float]:
        """Press Ctrl-C; return the exit status and how many seconds the end took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(10)
        return status, time.monotonic() - start


def answers(port: int) -> bool:
    """Say whether something listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_without_a_terminal_it_ends_by_itself():
    done = subprocess.run(
        [sys.executable, DEMO, *QUICK],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "A server-sent event is a line of text" in done.stdout
    assert 'data: {"name":"Plumbus","description":"A multi-purpose' in done.stdout
    assert done.stdout.count("\ndata: ") == 3
    number = r"[\d,.]+ \([\d,.]+-[\d,.]+\)"
    for name in ["eventwire", r"fastapi\.sse"]:
        assert re.search(rf"^{name} +{number} +{number}$", done.stdout, re.MULTILINE)


def test_in_ci_it_ends_by_itself():
    with OnTerminal(*QUICK, CI="true") as demo:
        demo.read_until("typed items")
        assert demo.process.wait(5) == 0
        assert "in a browser" not in demo.read_all()


def test_tokens_are_printed_as_they_come():
    with OnTerminal(*QUICK) as demo:
        demo.read_until("A server-sent")
        start = time.monotonic()
        demo.read_until("reach you now")
        assert time.monotonic() - start > 0.4


@pytest.mark.parametrize("moment", ["token by token", "as they happen", "one client"])
def test_ctrl_c_on_the_way_ends_it(moment):
    with OnTerminal("--events", "200000", "--rounds", "20") as demo:
        demo.read_until(moment)
        status, seconds = demo.interrupt()
        assert status == 130
        assert seconds < 2
        assert "Traceback" not in demo.read_all()


def test_ctrl_c_ends_it_while_clients_hold_streams():
    with OnTerminal(*QUICK) as demo, contextlib.ExitStack() as clients:
        port = demo.port()
        # Two read what comes slowly, two read nothing of what is ready.
        for path in ["eventwire/chat", "fastapi/chat"] + [
            f"{library}/burst?n=200000" for library in ("eventwire", "fastapi")
        ]:
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(f"GET /{path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
            assert client.recv(10)
        status, seconds = demo.interrupt()
        assert status == 0
        assert seconds < 2
        assert not answers(port)
        assert "Traceback" not in demo.read_all()


def test_the_server_does_not_outlive_the_demo():
    with OnTerminal(*QUICK) as demo:
        port = demo.port()
        demo.process.kill()
        demo.process.wait()
        deadline = time.monotonic() + 5
        while answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_missing_package_is_named_with_the_remedy():
    bare = [sys.executable, "-I", "-S", DEMO]
    done = subprocess.run(bare, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "cannot import eventwire._core, fastapi" in done.stderr
    assert "Run: make demo" in done.stderr
