"""Whether a commit is slower than another: both built here, measured in turns in one run.

    python benches/streams/gate.py OLD NEW [WORK ...]

Each commit gets a clone and an environment of its own below `target/gate`. They are measured in
turns, three times each, by NEW's benchmarks and with the same versions of everything else; what
counts is the ratio to the rivals in the same run. It fails if a ratio is worse by more than both
spreads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import compare

ROOT = Path(__file__).parents[2]
TURNS = 3
ONLY = ["eventwire", "fastapi.sse", "StreamingResponse"]


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command, which must succeed."""
    subprocess.run(command, cwd=cwd, check=True)


def whole(name: str) -> str:
    """Return the commit that a name stands for now."""
    command = ["git", "rev-parse", "--verify", f"{name}^{{commit}}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"there is no commit {name}")
    return done.stdout.strip()


def prepare(commit: str) -> Path:
    """Clone and build a commit."""
    folder = ROOT / "target/gate" / commit
    if not folder.exists():
        run("git", "clone", "--quiet", "--no-checkout", ROOT, folder, cwd=ROOT)
    run("git", "checkout", "--quiet", "--detach", commit, cwd=folder)
    run("make", "--silent", ".venv/.bench", ".venv/.built", cwd=folder)
    return folder


def merged(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The turns of one commit, as rounds of one run."""
    records = [
        {**record, "round": (turn, record["round"])}
        for turn, result in enumerate(results)
        for record in result["records"]
    ]
    return {**results[0], "records": records}


def main() -> int:
    """Measure and compare."""
    old, new = (whole(name) for name in sys.argv[1:3])
    works = sys.argv[3:]
    folders = {commit: prepare(commit) for commit in (old, new)}
    results: dict[str, list[dict[str, Any]]] = {old: [], new: []}
    for turn in range(TURNS):
        for commit, folder in sorted(folders.items(), reverse=turn % 2 == 1):
            out = ROOT / "target/gate" / f"{commit}-{turn}.json"
            command = [folder / ".venv/bin/python", "benches/streams", *(works or ["burst"])]
            run(*command, "--rounds", "2", "--out", out, "--only", *ONLY, cwd=folders[new])
            results[commit].append(json.loads(out.read_text()))
    versions = {str(result["versions"]) for turns in results.values() for result in turns}
    if len(versions) > 1:
        raise SystemExit(f"not the same versions: {versions}")
    return compare.show(merged(results[old]), merged(results[new]), gate=True)


if __name__ == "__main__":
    sys.exit(main())
