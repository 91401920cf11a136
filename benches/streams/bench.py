"""What the works share: servers that are running, and the look at what contenders send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server import Server, missing

if TYPE_CHECKING:
    import contextlib


@dataclass
class Bench:
    """Servers that are running, and how much is to be done."""

    stack: contextlib.ExitStack
    only: list[str]
    """Words of which a contender's name must have one; none: all."""
    payloads: list[str] = field(default_factory=list)
    """Payloads of the burst; none: all."""
    rounds: int = 5
    seconds: float = 4.0
    """What one measurement takes, about."""
    smoke: bool = False
    running: dict[tuple[str, str], Server] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def server(self, contender: str, server: str = "uvicorn") -> Server:
        """The server that has the contender, at rest."""
        app = "app:contenders"
        if contender == "litestar":
            app = "litestar_app:contenders"
        elif contender in {"axum", "go"}:
            server = app = contender
        if (server, app) not in self.running:
            self.running[server, app] = self.stack.enter_context(Server(server, app))
        running = self.running[server, app]
        running.settle()
        return running

    def there(self, names: list[str]) -> list[str]:
        """Those that are asked for and can run here."""
        found = []
        for name in names:
            if self.only and not any(word in name for word in self.only):
                continue
            if name in {"axum", "go"} and (need := missing(name)):
                self.left_out[name] = f"needs {need}"
                continue
            if name in {"axum", "go"} and self.smoke:
                continue
            found.append(name)
        return found


def events(body: bytes) -> list[bytes]:
    """The data of each event, as a client sees it."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    return [line[6:] for line in lines if line.startswith(b"data: ")]


def check(
    bench: Bench, payload: str, names: list[str], server: str = "uvicorn", more: int = 0
) -> None:
    """Everybody delivers the same events before anybody is timed."""
    said: dict[str, list[bytes]] = {}
    for name in names:
        said[name] = events(bench.server(name, server).get(f"/{payload}/{name}?n=200"))
        assert len(said[name]) == 200 + more, (payload, name, len(said[name]))
        assert said[name] == said[names[0]], (payload, name, said[name][0], said[names[0]][0])
