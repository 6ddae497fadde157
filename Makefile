# Everything that a person or a pipeline runs. `make` alone lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export RUNBOOKPILOT_DATA ?= $(CURDIR)/data

.PHONY: help install install-dev demo test test-sqlite test-postgres watch check lint types imports migrations docs browser lock clean

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

demo: install  ## Load the demo and serve it on http://127.0.0.1:8000
	$(BIN)/runbookpilot demo

test: install-dev  ## Run everything quick on SQLite and, where it answers, PostgreSQL
	scripts/test

test-sqlite: install-dev  ## The quick tests on SQLite alone
	$(BIN)/pytest -q -m "not browser and not slow" tests

watch: install-dev  ## Run the failed tests again on every change
	while true; do $(BIN)/pytest -q -x -m "not browser and not slow" tests; inotifywait -qq -r -e modify --include '\.py$$' . || sleep 5; done

browser: install-dev  ## Drive the console in a real browser (needs chromium)
	$(BIN)/pytest -q -m browser tests

lint: install-dev
	$(BIN)/ruff check .

types: install-dev
	$(BIN)/mypy .

imports: install-dev
	$(BIN)/lint-imports

migrations: install-dev
	$(BIN)/python manage.py makemigrations --check --dry-run

check: lint types imports migrations  ## Lint, types, import contracts, migrations

lock:  ## Resolve the dependencies anew (needs uv)
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --group build -o requirements/runtime.txt
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --group build --group test --group lint --group docs -c requirements/runtime.txt -o requirements/dev.txt

clean:  ## Remove the environment; data stays
	rm -rf $(VENV) build *.egg-info
