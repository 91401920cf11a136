#!/bin/sh
# usage: run.sh PYTHON BIN — BIN holds maturin and pip of the development environment.
#
# Builds the wheel, and the wheel of the sdist; installs each into an empty virtual environment
# and streams there with neither Rust nor a compiler on PATH.
set -eu
python=$1 bin=$(cd "$2" && pwd) here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/maturin" build --release --locked --quiet --out "$work/from-tree"
"$bin/maturin" sdist --out "$work/sdist"
"$bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$work/from-sdist" "$work"/sdist/*.tar.gz

for origin in from-tree from-sdist; do
  "$python" -m venv "$work/$origin-venv"
  # Nothing else is on PATH: no cargo, no compiler.
  bare="$work/$origin-venv/bin"
  PATH=$bare "$bare/python" -m pip install --quiet --only-binary :all: \
    "$(ls "$work/$origin"/*.whl)[fastapi]" uvicorn
  (cd "$work" && PATH=$bare "$bare/python" "$here/stream.py")
  echo "wheel check: $origin: $(basename "$work/$origin"/*.whl) streams"
done
echo "2 passed, 0 failed"
