"""Servers of contenders, each a process of its own, pinned to one core."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[-1], CORES[0]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

PYTHON = [sys.executable, "-m"]
COMMANDS = {
    "uvicorn": [
        *[*PYTHON, "uvicorn", "APP", "--port", "PORT", "--app-dir", str(HERE)],
        *["--log-level", "error", "--loop", "uvloop", "--http", "httptools"],
    ],
    "granian": [
        *[
            *PYTHON,
            "granian",
            "APP",
            "--interface",
            "asgi",
            "--host",
            "127.0.0.1",
            "--port",
            "PORT",
        ],
        *["--loop", "uvloop", "--working-dir", str(HERE), "--log-level", "error"],
    ],
    "hypercorn": [
        *[*PYTHON, "hypercorn", "APP", "--bind", "127.0.0.1:PORT", "--workers", "0"],
        *["--worker-class", "uvloop", "--log-level", "error"],
    ],
}


def missing(name: str) -> str | None:
    """Say what a server or a reference needs that is not there."""
    if name in COMMANDS:
        return None
    if name == "axum":
        return None if shutil.which("cargo") else "cargo"
    return None if shutil.which("go") else "go"


def reference(name: str) -> list[str]:
    """Build a reference outside Python; return its command."""
    folder = HERE / name
    if name == "axum":
        subprocess.run(
            ["cargo", "build", "--release", "--quiet", "--locked"], cwd=folder, check=True
        )
        return [str(folder / "target/release/axum-reference"), "PORT"]
    binary = ROOT / "target" / "go-reference"
    subprocess.run(["go", "build", "-o", binary, "."], cwd=folder, check=True)
    return [str(binary), "PORT"]


class Server:
    """Runs for as long as the block lasts."""

    def __init__(
        self, name: str = "uvicorn", app: str = "app:contenders", **variables: str
    ) -> None:
        self._variables = variables
        command = COMMANDS.get(name) or reference(name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        replaced = {"APP": app, "PORT": str(self.port)}
        self._command = [
            part.replace("PORT", str(self.port))
            if part.endswith(":PORT")
            else replaced.get(part, part)
            for part in command
        ]
        self.name = name

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            cwd=HERE,
            env={**os.environ, **self._variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),  # noqa: PLW1509
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            assert self.process.poll() is None, f"{self.name} has ended"
            time.sleep(0.05)
        raise TimeoutError(f"{self.name} did not start")

    def __exit__(self, *_: object) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def _pids(self) -> list[int]:
        """The process and its children, which granian's workers are."""
        pids = [self.process.pid]
        for pid in pids:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                pids += [int(child) for child in children]
        return pids

    def get(self, target: str) -> bytes:
        """Read the body of an answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            request = f"GET {quote(target, safe='/?=&')} HTTP/1.1\r\nhost: x\r\n"
            connection.sendall(f"{request}connection: close\r\n\r\n".encode())
            parts = []
            while part := connection.recv(1 << 18):
                parts.append(part)
        head, _, rest = b"".join(parts).partition(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], head
        if b"transfer-encoding: chunked" not in head.lower():
            return rest
        chunks = []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            chunks.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        return b"".join(chunks)

    def cpu(self) -> tuple[float, float]:
        """User and system seconds so far; their sum is exact, ticks divide it."""
        user = system = exact = 0.0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) / TICKS
            system += int(fields[12]) / TICKS
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    exact += int((task / "schedstat").read_text().split()[0]) / 1e9
        share = user / (user + system) if user + system else 1.0
        return exact * share, exact * (1 - share)

    def settle(self) -> None:
        """Wait until what was measured last has left nothing behind that takes time."""
        deadline = time.monotonic() + 20
        used = sum(self.cpu())
        while time.monotonic() < deadline:
            time.sleep(0.05)
            used, before = sum(self.cpu()), used
            if used - before < 0.001:
                return
        raise TimeoutError(f"{self.name} does not come to rest")

    def rss(self) -> int:
        """Resident bytes."""
        return (
            sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in self._pids()) * PAGE
        )
