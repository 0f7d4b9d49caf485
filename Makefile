# One command each. Everything is installed from hashes into .venv; a second run installs nothing.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
# Two at a time: each worker has servers of its own, about 1 GB.
PYTEST_ARGS ?= -n 2 -m "not full and not cluster and not drill"
BIN := .venv/bin
RUN := .venv/.run-installed
DEV := .venv/.dev-installed
SHARP := .venv/.sharp-installed
UV := $(BIN)/uv
# Other people's readers of our export formats; without Node their tests are skipped and say so.
READERS := $(if $(shell command -v npm),tests/export_consumer/readers/node_modules/.package-lock.json)
# Universal: one lock for every system; no index or folder of this machine may leak into it.
COMPILE := $(UV) pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade
COMPILE_AS_DEV := $(filter-out --upgrade,$(COMPILE)) --constraint requirements/dev.txt

.PHONY: help up down web browser test drills drill chaos lint types bench parity lock licences clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(RUN) $(if $(SHARP_CHECKPOINT),$(SHARP)) ## start the whole system on this machine
	@$(BIN)/sharpstream up

down: ## stop it; the data stays
	@if [ -x $(BIN)/sharpstream ]; then $(BIN)/sharpstream down; else echo "Nothing was running."; fi

web: $(RUN) ## build the web page (needs Node; up does it too)
	@$(BIN)/python -m sharpstream.stack.web_build

# What the page's tests need; where it cannot be had they are skipped, and say what to install.
browser: $(DEV) ## install Chromium where that can be done, for the tests of the page (test does it too)
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then \
		echo "installing Chromium (once)"; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	fi || true
	@$(BIN)/python -m sharpstream.stack.web_build || true

test: $(DEV) $(READERS) browser ## run the tests, but drills and chaos (PYTEST_ARGS="tests/bus -x" for some)
	SHARPSTREAM_KILL_SCALE=$${SHARPSTREAM_KILL_SCALE:-0.5} $(BIN)/python -m pytest $(PYTEST_ARGS)

# Tests of minutes, up to 15 each: too long for `make test`, and without faults at random, which `make chaos` has.
drills: $(DEV) ## run each drill: the tests that take minutes
	@$(BIN)/python -m tests.drills

drill: $(DEV) ## run one drill: the next in turn, by the commit's hash, or the one that N=... names
	@$(BIN)/python -m tests.drills --one $(N)

# The kills of the single bridges are six times as many here as in `make test`.
chaos: $(DEV) ## fault injection for half an hour: three brokers, each bridge, 200 kills of a whole system (CHAOS_SEED=... repeats or resumes a run)
	$(BIN)/python -m pytest -m cluster
	SHARPSTREAM_KILL_SCALE=3 $(BIN)/python -m pytest tests/bus -m kill
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

lint: $(DEV) ## style, formatting, who may import whom, and the links in the documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/check_links.py

types: $(DEV) ## mypy and, where its tools are installed, the page's types, both strict
	$(BIN)/mypy
	@if [ -x web/node_modules/.bin/tsc ]; then npm --prefix web run --silent check; fi

bench: $(DEV) ## run the benchmarks (BENCH_ARGS=... for some)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

parity: $(DEV) ## the full-size network against recorded values: 7 GB of memory, 10 minutes on two cores
	$(BIN)/python -m pytest -m "parity or full" --junitxml=build/parity.xml -o junit_family=xunit1
	$(BIN)/python -m tests.inference_consumer.sharp.report build/parity.xml > docs/parity.md

lock: $(UV) ## pin the newest versions that fit pyproject.toml, with hashes
	$(COMPILE) --all-extras --group dev --output-file requirements/dev.txt
	$(COMPILE_AS_DEV) --extra all --output-file requirements/run.txt
	for role in gateway inference sharp export ledger; do \
		$(COMPILE_AS_DEV) --extra $$role --output-file requirements/$$role.txt; \
	done
	$(COMPILE_AS_DEV) --group training --output-file requirements/training.txt
	echo uv | $(UV) pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --quiet --upgrade --output-file requirements/uv.txt

licences: $(DEV) ## write docs/third-party-licences.md anew, from the locks
	@mkdir -p build
	$(BIN)/python deploy/licences.py > build/licences.md
	mv build/licences.md docs/third-party-licences.md

clean: ## remove what was built and installed; .sharpstream, the data, stays
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

# Where the tools of developers are installed already, they stay: dev.txt holds all that run.txt does.
$(RUN): requirements/run.txt pyproject.toml $(UV)
	@if [ -e $(DEV) ]; then touch $@; else \
		echo "installing what the system needs (once)"; \
		$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/run.txt; \
		$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .; \
		touch $@; \
	fi

# torch, 3 GB: only where the operator has brought a checkpoint.
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
