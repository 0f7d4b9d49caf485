# One command per target. Everything is installed from hashes into .venv; a second run installs nothing.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
# Three workers on two cores: tests of kills wait much. Each has servers of its own, about 1 GB.
PYTEST_ARGS ?= -n 3 -m "not full and not cluster and not drill"
BIN := .venv/bin
RUN := .venv/.run-installed
DEV := .venv/.dev-installed
SHARP := .venv/.sharp-installed
UV := $(BIN)/uv
# Third-party readers of the export formats; without Node their tests are skipped with a message.
READERS := $(if $(shell command -v npm),tests/export_consumer/readers/node_modules/.package-lock.json)
# Universal: one lock for every platform; no index or folder of this machine may leak into it.
COMPILE := $(UV) pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade
COMPILE_AS_DEV := $(filter-out --upgrade,$(COMPILE)) --constraint requirements/dev.txt

.PHONY: help up down web browser test drills drill chaos fuzz lint types bench parity lock licences clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(RUN) $(if $(SHARP_CHECKPOINT),$(SHARP)) ## start the whole system on this machine
	@$(BIN)/sharpstream up

down: ## stop the system; the data stays
	@if [ -x $(BIN)/sharpstream ]; then $(BIN)/sharpstream down; else echo "Nothing was running."; fi

web: $(RUN) ## build the web page (needs Node; `make up` does it too)
	@$(BIN)/python -m sharpstream.stack.web_build

# The browser of the page's tests; without it they are skipped with a message that says what to install.
browser: $(DEV) ## install Chromium for the tests of the page, on Debian as root (`make test` does it too)
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then \
		echo "installing Chromium (once)"; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	fi || true
	@$(BIN)/python -m sharpstream.stack.web_build || true

test: $(DEV) $(READERS) browser ## run the tests except drills and chaos (PYTEST_ARGS="tests/bus -x" selects)
	SHARPSTREAM_KILL_SCALE=$${SHARPSTREAM_KILL_SCALE:-0.5} $(BIN)/python -m pytest $(PYTEST_ARGS)

# Tests that take minutes, up to 15 each: too long for `make test`, without the random faults of `make chaos`.
drills: $(DEV) ## run every drill: the tests that take minutes
	@$(BIN)/python -m tests.drills

drill: $(DEV) ## run one drill, chosen by the commit's hash or by N=...
	@$(BIN)/python -m tests.drills --one $(N)

# The single bridges are killed six times as often here as in `make test`.
chaos: $(DEV) ## fault injection, half an hour: kills brokers and each bridge, 200 kills of a whole system (CHAOS_SEED=... repeats or resumes a run)
	$(BIN)/python -m pytest -m cluster
	SHARPSTREAM_KILL_SCALE=3 $(BIN)/python -m pytest tests/bus -m kill
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

# A finding prints its seed; `make fuzz FUZZ="1 SEED"` repeats it.
FUZZ ?= 100000
fuzz: $(DEV) ## read 100,000 broken photos in processes with limits, some minutes (FUZZ="COUNT FIRST" selects)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.photo.fuzz $(FUZZ)

lint: $(DEV) ## check style, formatting, import contracts, the links in the documents and, where Node's tools are installed, the page
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/check_links.py
	@if [ -x web/node_modules/.bin/eslint ]; then npm --prefix web run --silent lint; fi

types: $(DEV) ## check types: mypy and, where Node's tools are installed, the page's TypeScript, both strict
	$(BIN)/mypy
	@if [ -x web/node_modules/.bin/tsc ]; then npm --prefix web run --silent check; fi

bench: $(DEV) ## run the benchmarks (BENCH_ARGS=... selects)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

parity: $(DEV) ## compare the full-size network with recorded values: 7 GB of memory, 10 minutes on two cores
	$(BIN)/python -m pytest -m "parity or full" --junitxml=build/parity.xml -o junit_family=xunit1
	$(BIN)/python -m tests.inference_consumer.sharp.report build/parity.xml > docs/parity.md

lock: $(UV) ## pin the newest versions that satisfy pyproject.toml, with hashes
	$(COMPILE) --extra all --extra sharp --group dev --output-file requirements/dev.txt
	$(COMPILE_AS_DEV) --extra all --output-file requirements/run.txt
	for role in gateway inference inference-gpu sharp export ledger; do \
		$(COMPILE_AS_DEV) --extra $$role --output-file requirements/$$role.txt; \
	done
	$(COMPILE_AS_DEV) --group training --output-file requirements/training.txt
	echo uv | $(UV) pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --quiet --upgrade --output-file requirements/uv.txt

licences: $(DEV) ## regenerate docs/third-party-licences.md from the locks
	@mkdir -p build
	$(BIN)/python deploy/licences.py > build/licences.md
	mv build/licences.md docs/third-party-licences.md

clean: ## remove build outputs and installed packages; the data in .sharpstream stays
	rm -rf .venv dist build web/dist web/node_modules *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './node_modules/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Sharpstream needs Python 3.11 or later: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(UV): requirements/uv.txt | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# Installed developer tools stay: dev.txt contains everything in run.txt.
$(RUN): requirements/run.txt pyproject.toml $(UV)
	@if [ -e $(DEV) ]; then touch $@; else \
		echo "installing what the system needs (once)"; \
		$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/run.txt; \
		$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .; \
		touch $@; \
	fi

# torch, 3 GB: only where the operator provides a checkpoint.
$(SHARP): requirements/sharp.txt $(RUN)
	@echo "installing torch for SHARP (once)"
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/sharp.txt
	@touch $@

tests/export_consumer/readers/node_modules/.package-lock.json: tests/export_consumer/readers/package-lock.json
	@echo "installing the readers of export formats (once)"
	npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml $(UV)
	@echo "installing what the tests need (once)"
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@ $(RUN)
