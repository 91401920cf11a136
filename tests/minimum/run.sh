#!/bin/sh
# usage: run.sh PYTHON BIN — BIN holds maturin of the development environment.
#
# Runs the tests on the oldest versions that pyproject.toml declares. Comparisons with the
# installed FastAPI's bytes are left out: eventwire always writes what the newest FastAPI writes.
set -eu
python=$1 bin=$(cd "$2" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/.venv/minimum"

if [ ! -e "$venv/.ready" ] || [ "$0" -nt "$venv/.ready" ]; then
  "$python" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --upgrade pip
  "$venv/bin/python" -m pip install --quiet \
    starlette==0.46.0 pydantic==2.9.0 fastapi==0.135.0 \
    sse-starlette uvicorn granian hypercorn uvloop httptools httpx \
    hypothesis pytest pytest-timeout trio
  touch "$venv/.ready"
fi
cd "$root"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
"$bin/maturin" build --release --locked --quiet --interpreter "$venv/bin/python" --out "$wheels"
"$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheels"/*.whl
run() {
  "$venv/bin/python" -m pytest -W "default::DeprecationWarning" -p no:cacheprovider "$@"
}
run tests -m "not newest" --ignore tests/test_demo.py
# Plans are compared with the installed Pydantic, whichever it is.
run tests/test_plan.py tests/test_plan_properties.py \
  tests/test_parity_typed.py tests/test_parity_untyped.py tests/test_parity_properties.py \
  -k "not describe and not left_out_by_a_condition"
