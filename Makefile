# Everything that a person or a pipeline runs. `make` alone lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
TEST_WORKERS ?= $(shell nproc)
SEED ?=
MINUTES ?= 10
EXECUTIONS ?= 0
EVERY ?= 6
SHAPE ?= both
KIND ?= stopped
ONLY ?=
comma := ,
export RUNBOOKPILOT_DATA ?= $(CURDIR)/data

.PHONY: help install install-dev demo test test-sqlite test-postgres watch check lint types imports migrations reference docs docs-check security browser screenshots chaos-short chaos-slow chaos production outage bench lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name one with make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/.installed  ## Create the environment from the locked dependencies
install-dev: $(VENV)/.installed-dev  ## The same with what tests and checks need

demo: install  ## Load the demo and serve it (PORT=8000)
	$(BIN)/runbookpilot demo --port $(PORT)

test: install-dev  ## Run everything quick on SQLite and, where it answers, PostgreSQL
	scripts/test

test-sqlite: install-dev  ## The quick tests on SQLite alone
	$(BIN)/pytest -q -m "not browser and not slow and not chaos" tests

watch: install-dev  ## Run the failed tests again on every change
	while true; do $(BIN)/pytest -q -x -m "not browser and not slow and not chaos" tests; inotifywait -qq -r -e modify --include '\.py$$' . || sleep 5; done

screenshots: install-dev  ## Picture every page of the console into ./screenshots (needs chromium)
	$(BIN)/python scripts/screenshots

browser: install-dev  ## Drive the console in a real browser (needs chromium)
	$(BIN)/pytest -q -n $(TEST_WORKERS) -m browser tests/browser

chaos-short: install-dev  ## Kill real process trees at every boundary; a few minutes
	$(BIN)/pytest -q -m "chaos and not slow" tests/chaos

chaos-slow: install-dev  ## The same on SQLite too, and a call that kills its worker until it is given up
	$(BIN)/pytest -q -m "chaos and slow" tests/chaos

production: install-dev  ## Run the production shape as real processes (needs PostgreSQL and redis-server)
	$(BIN)/pytest -q -n $(TEST_WORKERS) --dist loadfile -m production tests/production

outage: install-dev  ## Live through minutes without Redis, and say what held (MINUTES=5, KIND=stopped|frozen|mute; see production)
	$(BIN)/python -m tests.production.outage --minutes $(if $(filter command line environment,$(origin MINUTES)),$(MINUTES),5) --kind $(KIND)

bench: install-dev  ## Measure beside peers and limits, a JSON line each (ONLY=B1,B4 ROUNDS=2; benchmarks/README.md)
	$(BIN)/python -m benchmarks $(subst $(comma), ,$(ONLY))

chaos: install-dev  ## Let faults storm over both shapes, then check (SEED=, MINUTES=10 or EXECUTIONS=1000, EVERY=6, SHAPE=both|embedded|production)
	$(BIN)/python -m tests.chaos.storm --seed "$(SEED)" --minutes $(MINUTES) --executions $(EXECUTIONS) --every $(EVERY) --shape $(SHAPE)

lint: install-dev
	$(BIN)/ruff check .

types: install-dev
	$(BIN)/mypy .

imports: install-dev
	$(BIN)/lint-imports

migrations: install-dev
	$(BIN)/python manage.py makemigrations --check --dry-run

docs-check: install-dev
	$(BIN)/pytest -q -m "not slow" tests/docs

reference: install-dev  ## Write the pages of the reference that are generated from the code
	$(BIN)/python -m scripts.reference

docs: install-dev  ## Build the site into site/ (warnings fail), and run the tutorial to the letter
	$(BIN)/zensical build --strict --clean
	$(BIN)/pytest -q tests/docs

check: lint types imports migrations docs-check  ## Lint, types, import contracts, migrations, documentation

security: install-dev  ## Django's deployment check, and known vulnerabilities where their source can be reached
	scripts/security

lock:  ## Resolve the dependencies anew (needs uv)
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --group build -o requirements/runtime.txt
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --group build --group test --group lint --group docs -c requirements/runtime.txt -o requirements/dev.txt

clean:  ## Remove the environment; data stays
	rm -rf $(VENV) build *.egg-info
