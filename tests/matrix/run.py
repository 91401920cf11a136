"""The tests on every supported Python with the newest FastAPI, and on the oldest supported set.

usage: run.py [NAME ...], NAME being one of `3.11 3.12 3.13 minimum`; all of them by default.

Each combination has a virtual environment of its own (`.venv/matrix/NAME`) and a wheel built for
its Python (`target/matrix/VERSION`), so that nothing of the development environment is touched.
Pythons are looked for on PATH and under pyenv. One that is nowhere is reported; it fails the run
if it was named, or if nothing else could be tested. `run.py --missing` prints these alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSIONS = ["3.11", "3.12", "3.13"]
MINIMUM = "minimum"

# Not again on every Python: the demo, the examples, the look at the sources, and the corpus that
# compares values with Pydantic's and FastAPI's encoders. `make test` runs all of it on one.
CORPUS = ["parity_typed", "parity_untyped", "parity_properties", "template_properties"]
LEFT_OUT = ["demo", "examples", "sources"]

# eventwire writes the newest FastAPI's bytes, whichever is installed: comparisons are left out.
# Plans are compared with the installed Pydantic, whichever it is.
MINIMUM_TOOLS = """
    granian httptools httpx hypercorn hypothesis itsdangerous orjson pytest pytest-timeout
    python-multipart sse-starlette trio uvicorn uvloop
"""
MINIMUM_COMPARES = ["plan", "plan_properties", *CORPUS]


@dataclass
class Interpreter:
    """A Python of one of the versions."""

    version: str
    path: Path
    wheel: Path | None = None


@dataclass
class Combination:
    """What is tested: a Python and a set of installed packages."""

    name: str
    interpreter: Interpreter
    requirements: list[str]
    runs: list[list[str]]
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def python(self) -> Path:
        """The Python of its virtual environment."""
        return ROOT / ".venv/matrix" / self.name / "bin/python"


def candidates(version: str) -> list[Path]:
    """Where a Python of this version may be, the best place first."""
    on_path = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    # Newest patch first; `3.13.0t` and the like are other builds.
    patches = [p for p in pyenv.glob(f"{version}.*") if p.name.rpartition(".")[2].isdigit()]
    patches.sort(key=lambda p: int(p.name.rpartition(".")[2]), reverse=True)
    return [*on_path, *(patch / "bin/python" for patch in patches)]


def find(version: str) -> Interpreter | None:
    """Find a Python that runs, is what its name says, and can make virtual environments."""
    # A shim of pyenv is there, but does not run, if its version is not the one in use.
    check = "import venv, ensurepip, sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for path in candidates(version):
        if path.exists():
            done = subprocess.run([path, "-c", check], capture_output=True, text=True, check=False)
            found, _, executable = done.stdout.strip().partition(" ")
            if done.returncode == 0 and found == version:
                return Interpreter(version, Path(executable))
    return None


def oldest() -> list[str]:
    """Take the lower bounds of pyproject.toml as the exact versions."""
    project = PROJECT["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["fastapi"]]
    assert all(bound.count(">=") == 1 and "," not in bound for bound in bounds), bounds
    return [bound.replace(">=", "==") for bound in bounds]


def run(*command: str | Path, **variables: str) -> None:
    """Run a command to its end; what it prints is shown only if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}")


def build(interpreter: Interpreter) -> None:
    """Build a wheel for this Python, as users get it; cargo keeps what it made for each."""
    target = ROOT / "target/matrix" / interpreter.version
    wheels = target / "wheels"
    for old in wheels.glob("*.whl"):
        old.unlink()
    maturin = Path(sys.executable).with_name("maturin")
    options = ["--release", "--locked", "--interpreter", interpreter.path, "--out", wheels]
    run(
        *[maturin, "build", *options],
        CARGO_TARGET_DIR=str(target),
        PYO3_PYTHON=str(interpreter.path),
    )
    (interpreter.wheel,) = wheels.glob("*.whl")


def install(combination: Combination) -> None:
    """Make the virtual environment, unless it is there and as it should be."""
    # Made anew whenever what it is made from changes.
    groups = str(PROJECT["dependency-groups"])
    wanted = "\n".join([str(combination.interpreter.path), *combination.requirements, groups])
    folder = combination.python.parents[1]
    ready = folder / ".ready"
    pip = [combination.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if not ready.exists() or ready.read_text() != wanted:
        run(combination.interpreter.path, "-m", "venv", "--clear", folder)
        run(*pip, "--upgrade", "pip")
        run(*pip, *combination.requirements)
        ready.write_text(wanted)


def test(combination: Combination) -> None:
    """Install the wheel and run the tests."""
    print(f"=== {combination.name}: {describe(combination)}", flush=True)
    since = time.monotonic()
    assert combination.interpreter.wheel is not None
    pip = [combination.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run(*pip, "--no-deps", "--force-reinstall", combination.interpreter.wheel)
    for arguments in combination.runs:
        options = ["--quiet", "-p", "no:cacheprovider"]
        command = [combination.python, "-m", "pytest", *options, *arguments]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            combination.failed.append(" ".join(arguments))
    combination.seconds = time.monotonic() - since


def describe(combination: Combination) -> str:
    """Say which versions these are."""
    code = (
        "import platform; from importlib.metadata import version; "
        "print('Python', platform.python_version(), "
        "*(f', {name} {version(name)}' for name in ('fastapi', 'starlette', 'pydantic')), sep=' ')"
    )
    done = subprocess.run(
        [combination.python, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip().replace(" ,", ",")


def combinations(names: list[str], pythons: list[Interpreter]) -> list[Combination]:
    """Pair the names with the Pythons that are there; `minimum` takes the oldest of them."""
    left_out = [f"--ignore=tests/test_{name}.py" for name in LEFT_OUT]
    corpus = [f"--ignore=tests/test_{name}.py" for name in CORPUS]
    made = [
        Combination(python.version, python, ["--group", "test"], [["tests", *left_out, *corpus]])
        for python in pythons
        if python.version in names
    ]
    if MINIMUM in names and pythons:
        warnings = ["-W", "default::DeprecationWarning"]
        runs = [
            ["tests", "-m", "not newest", *left_out],
            [
                *(f"tests/test_{name}.py" for name in MINIMUM_COMPARES),
                *("-k", "not describe and not left_out_by_a_condition"),
            ],
        ]
        made.append(
            Combination(
                MINIMUM,
                pythons[0],
                [*oldest(), *MINIMUM_TOOLS.split()],
                [[*warnings, *arguments] for arguments in runs],
            )
        )
    return made


def main() -> int:
    """Prepare everything, then test one combination after the other: deadlines are among it."""
    named = sys.argv[1:]
    found = {version: find(version) for version in VERSIONS}
    if named == ["--missing"]:
        print(*(version for version, python in found.items() if python is None))
        return 0
    names = [*VERSIONS, MINIMUM]
    if unknown := set(named) - set(names):
        raise RuntimeError(f"unknown: {' '.join(sorted(unknown))}; there are {' '.join(names)}")
    names = named or names
    pythons = [python for python in found.values() if python is not None]
    todo = combinations(names, pythons)
    with ThreadPoolExecutor(2) as pool:
        used = {id(c.interpreter): c.interpreter for c in todo}.values()
        jobs = [pool.submit(build, python) for python in used]
        jobs += [pool.submit(install, combination) for combination in todo]
        for job in jobs:
            job.result()
    for combination in todo:
        test(combination)

    print("=== test-matrix")
    for combination in todo:
        result = "FAILED" if combination.failed else "passed"
        print(
            f"{combination.name:8} {result} {combination.seconds:5.0f} s  {describe(combination)}"
        )
        for arguments in combination.failed:
            print(f"{'':8} pytest {arguments}")
    missing = [name for name in names if name not in {c.name for c in todo}]
    for name in missing:
        print(
            f"{name:8} MISSING        no python{name} on PATH that runs and has venv, "
            f"no ~/.pyenv/versions/{name}.*"
        )
    failed = sum(bool(combination.failed) for combination in todo)
    print(f"{len(todo) - failed} passed, {failed} failed")
    return bool(failed or not todo or (named and missing))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        sys.exit(f"make test-matrix: {error}")
