"""The demo: a chat in the terminal, the wire, a table; then a page until Ctrl-C.

Run it with `make demo`. Without a terminal, or with CI set, it ends after the table.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys

NEEDED = ["eventwire._core", "fastapi", "uvicorn", "uvloop", "httptools", "httpx", "httpx_sse"]
MOST_EVENTS = 200_000


def main() -> int:
    """Run the demo; return the exit status."""
    arguments = parse_arguments()
    try:
        if missing := [name for name in NEEDED if not importable(name)]:
            print(f"The demo cannot import {', '.join(missing)}. Run: make demo", file=sys.stderr)
            return 1
        return run(arguments.events, arguments.rounds)
    except KeyboardInterrupt:
        print()
        return 128 + signal.SIGINT
    except BrokenPipeError:  # as in `make demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="examples/demo", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events in a burst")
    parser.add_argument("--rounds", type=int, default=5, help="bursts for each library")
    arguments = parser.parse_args()
    if not 1 <= arguments.events <= MOST_EVENTS:
        parser.error(f"--events must be from 1 to {MOST_EVENTS}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


def importable(name: str) -> bool:
    """Say whether a module is there."""
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def run(events: int, rounds: int) -> int:
    """Serve and show; with somebody at the terminal, go on serving until Ctrl-C."""
    import httpx  # noqa: PLC0415  # main() checks what is there first
    import terminal  # noqa: PLC0415
    from server import Server  # noqa: PLC0415

    try:
        with Server() as server:
            terminal.show(server, events, rounds)
            if not sys.stdout.isatty() or os.environ.get("CI"):
                return 0
            print(f"\nThe same in a browser: {server.url}  (Ctrl-C ends)", flush=True)
            try:
                server.wait()
            except KeyboardInterrupt:
                print()
            return 0
    except BrokenPipeError:
        raise
    except (RuntimeError, OSError, httpx.HTTPError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
