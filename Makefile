# One command per target. Everything is installed from hashes into .venv; a second run installs nothing.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
export SHARPSTREAM_OFFLINE := $(OFFLINE)
# Begins a recipe that fetches.
online = $(if $(OFFLINE),echo "$(1) is not installed and OFFLINE is set: run it once without it." >&2; exit 1,:)
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
# What the TypeScript client is built and tested with; its types are the page's too.
CLIENT := $(if $(shell command -v npm),clients/typescript/node_modules/.package-lock.json)
# Java for Kafka and Node for the page, where this machine has none.
TOOLS := .venv/.java-installed .venv/.node-installed
# A generator of clients, tried against our OpenAPI document.
GENERATORS := .venv/generators/.installed
# Makes and checks the deployments: AWS, Kubernetes, dashboards.
DEPLOY := .venv/deploy/.installed
# Reads the workflows as GitHub does. Go's proxy proves its sum; shellcheck, where installed, reads their scripts.
ACTIONLINT := .venv/tools/actionlint-1.7.12
# Folders with an npm lock of their own.
NPM := web clients/typescript deploy/cdk tests/export_consumer/readers tests/gateway/http/generators/typescript \
	tests/gateway/partners/foreign/javascript
# Known flaws that a release may have, as identifiers of pip-audit, each with its reason in a comment.
ACCEPTED_FLAWS :=
# Universal: one lock for every platform; no index or folder of this machine may leak into it.
COMPILE := $(UV) pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade
COMPILE_AS_DEV := $(filter-out --upgrade,$(COMPILE)) --constraint requirements/dev.txt

.PHONY: help up down web browser test drills drill chaos fuzz lint types bench deploy-check audit sbom parity lock licences clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(RUN) $(if $(SHARP_CHECKPOINT),$(SHARP)) ## start the whole system on this machine (OFFLINE=1 fetches nothing)
	@for tool in $$($(BIN)/python -m sharpstream.stack.tools); do $(MAKE) --no-print-directory .venv/.$$tool-installed; done
	@$(BIN)/sharpstream up

down: ## stop the system; the data stays
	@if [ -x $(BIN)/sharpstream ]; then $(BIN)/sharpstream down; else echo "Nothing was running."; fi

web: $(RUN) ## build the web page (needs Node; `make up` does it too)
	@$(BIN)/python -m sharpstream.stack.web_build

# The programs of others that tests run; without one its tests are skipped with a message that says what to install.
# nginx is only unpacked: its package would start a server on this machine.
browser: $(DEV) .venv/.nginx-unpacked $(CLIENT) ## fetch Chromium and nginx for the tests, on Debian as root (`make test` does it too)
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then \
		echo "installing Chromium (once)"; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	fi || true
	@$(BIN)/python -m sharpstream.stack.web_build || true

test: $(DEV) $(READERS) $(GENERATORS) browser ## run the tests except drills and chaos (PYTEST_ARGS="tests/bus -x" selects)
	SHARPSTREAM_KILL_SCALE=$${SHARPSTREAM_KILL_SCALE:-0.5} $(BIN)/python -m pytest $(PYTEST_ARGS)

# Tests that take minutes, up to 15 each: too long for `make test`, without the random faults of `make chaos`.
drills: $(DEV) $(READERS) $(GENERATORS) browser ## run every drill: the tests that take minutes
	@$(BIN)/python -m tests.drills

drill: $(DEV) $(READERS) $(GENERATORS) browser ## run one drill, chosen by the commit's hash or by N=...
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

lint: $(DEV) $(CLIENT) ## check style, formatting, import contracts, the links in the documents, the workflows and, where Node is installed, the page
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/check_links.py
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	@$(MAKE) --silent $(ACTIONLINT) 2>/dev/null || true
	@if [ -x $(ACTIONLINT) ]; then $(ACTIONLINT); else echo "actionlint is left out: it needs Go, and once the network."; fi
	@if command -v shellcheck >/dev/null; then shellcheck deploy/cdk/{run,promote,once,page}; else echo "shellcheck is left out: apt-get install shellcheck"; fi
	@$(BIN)/python -m sharpstream.stack.web_build run lint
	@if [ -x clients/typescript/node_modules/.bin/eslint ]; then npm --prefix clients/typescript run --silent lint; fi

types: $(DEV) $(CLIENT) ## check types: mypy and, where Node is installed, the page's TypeScript, both strict
	$(BIN)/mypy
	@$(BIN)/python -m sharpstream.stack.web_build run check
	@if [ -x clients/typescript/node_modules/.bin/tsc ]; then npm --prefix clients/typescript run --silent check; fi

bench: $(DEV) ## run the benchmarks (BENCH_ARGS=... selects)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

deploy-check: $(DEV) $(DEPLOY) .venv/tools/.installed ## make and check what deploys and watches the system, without any account
	.venv/deploy/bin/python -m pytest deploy

audit: $(DEPLOY) ## ask the registries for known flaws of what the locks pin (needs the network and Node)
	@failed=; for lock in requirements/*.txt; do \
		echo "$$lock"; \
		.venv/deploy/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement $$lock \
			$(addprefix --ignore-vuln ,$(ACCEPTED_FLAWS)) || failed+=" $$lock"; \
	done; \
	for folder in $(NPM); do \
		echo "$$folder"; (cd $$folder && npm audit --package-lock-only --audit-level=high) || failed+=" $$folder"; \
	done; \
	[ -z "$$failed" ] || { echo "With known flaws, or not audited:$$failed" >&2; exit 1; }

sbom: $(DEPLOY) ## list the parts of each image and of the page in build/sbom, as CycloneDX (needs Node)
	@mkdir -p build/sbom
	for role in gateway inference inference-gpu sharp export ledger; do \
		.venv/deploy/bin/cyclonedx-py requirements requirements/$$role.txt --pyproject pyproject.toml \
			--mc-type application --output-reproducible --of JSON --output-file build/sbom/$$role.cdx.json; \
	done
	@# npm lists no parts of a package without a version, and the page has none of its own.
	@rm -rf build/page && mkdir build/page && cp web/package.json web/package-lock.json build/page
	cd build/page && npm version --no-git-tag-version "$$(sed -n 's/^version = "\(.*\)"/\1/p' ../../pyproject.toml)" >/dev/null
	cd build/page && npm sbom --package-lock-only --omit dev --sbom-format cyclonedx > ../sbom/page.cdx.json

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
	for group in deploy generators java node; do \
		$(filter-out pyproject.toml,$(COMPILE)) --group $$group --output-file requirements/$$group.txt; \
	done
	echo uv | $(UV) pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --quiet --upgrade --output-file requirements/uv.txt

licences: $(DEV) ## regenerate docs/third-party-licences.md from the locks
	@mkdir -p build
	$(BIN)/python deploy/licences.py > build/licences.md
	mv build/licences.md docs/third-party-licences.md

clean: ## remove build outputs and installed packages; the data in .sharpstream stays
	rm -rf .venv dist build web/dist web/node_modules clients/typescript/dist clients/typescript/node_modules *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './node_modules/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Sharpstream needs Python 3.11 or later: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(UV): requirements/uv.txt | $(BIN)/python
	@$(call online,What fetches packages)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# Installed developer tools stay: dev.txt contains everything in run.txt.
$(RUN): requirements/run.txt pyproject.toml $(UV)
	@if [ -e $(DEV) ]; then touch $@; else \
		$(call online,What the system needs); \
		echo "installing what the system needs (once)"; \
		$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/run.txt; rm -f $(TOOLS); \
		$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .; \
		touch $@; \
	fi

# torch, 3 GB: only where the operator provides a checkpoint.
$(SHARP): requirements/sharp.txt $(RUN)
	@$(call online,torch for SHARP)
	@echo "installing torch for SHARP (once)"
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/sharp.txt
	@touch $@

tests/export_consumer/readers/node_modules/.package-lock.json: tests/export_consumer/readers/package-lock.json
	@echo "installing the readers of export formats (once)"
	npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

clients/typescript/node_modules/.package-lock.json: clients/typescript/package-lock.json
	@$(call online,What the TypeScript client is tested with)
	@echo "installing what the TypeScript client is tested with (once)"
	npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(TOOLS): .venv/.%-installed: requirements/%.txt $(UV)
	@$(call online,$*)
	@echo "installing $*, which this machine does not have (once)"
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement $<
	@touch $@

$(GENERATORS): requirements/generators.txt $(UV)
	@echo "installing a generator of clients (once)"
	$(UV) venv --quiet --clear --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes requirements/generators.txt
	@touch $@

.venv/.nginx-unpacked: | $(DEV)
	@if ! command -v nginx >/dev/null && command -v apt-get >/dev/null; then \
		echo "unpacking nginx (once)"; mkdir -p .venv/nginx && cd .venv/nginx \
		&& if [ "$$(id -u)" = 0 ]; then apt-get update -qq; fi && apt-get download -qq nginx \
		&& dpkg-deb -x nginx_*.deb .; \
	fi >/dev/null 2>&1 || true
	@touch $@

$(DEPLOY): requirements/deploy.txt $(UV)
	@echo "installing what checks the deployments (once)"
	$(UV) venv --quiet --clear --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes requirements/deploy.txt
	@touch $@

# kustomize, and the definitions of KEDA's kinds, by the hashes beside them; without Go their tests are skipped.
.venv/tools/.installed: $(wildcard deploy/kubernetes/tools/go.sum deploy/kubernetes/tools/keda/go.sum) | $(UV)
	@mkdir -p $(@D)/keda
	@if command -v go >/dev/null; then echo "building kustomize (once)"; \
		go build -C deploy/kubernetes/tools -o $(CURDIR)/$(@D)/kustomize sigs.k8s.io/kustomize/kustomize/v5 \
		&& cd deploy/kubernetes/tools/keda && go mod download github.com/kedacore/keda/v2 \
		&& install -m 644 "$$(go list -m -f '{{.Dir}}' github.com/kedacore/keda/v2)"/config/crd/bases/keda.sh_*.yaml \
			$(CURDIR)/$(@D)/keda; fi
	@touch $@

$(ACTIONLINT):
	@$(call online,actionlint)
	@echo "installing actionlint (once)"
	GOBIN=$(abspath $(@D)) GOFLAGS= go install github.com/rhysd/actionlint/cmd/actionlint@v$(lastword $(subst -, ,$@))
	@mv $(@D)/actionlint $@

$(DEV): requirements/dev.txt pyproject.toml $(UV)
	@echo "installing what the tests need (once)"
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@rm -f $(TOOLS)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@ $(RUN)
