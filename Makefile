# One command per job, the same one here and in CI. Needs make and Python 3.11 or later; all else comes from packages.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test quick property fault simulate check format lock bench clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | sort

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make setup: no Python 3.11 or later found; install one, or name it: make PYTHON=/path/to/python3.11 setup" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Stamps: a second `make setup` does nothing until the lock file or the project file changes.
$(VENV)/.locked: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	@touch $@

# The editable install is a plain path entry (compat), so that a new package needs no second set-up.
$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

setup: $(VENV)/.installed  ## create .venv with everything, and `mal` in .venv/bin

demo: setup  ## the main job on real Kafka and Postgres, with a summary that reconciles
	$(BIN)/python -m dev.demo

check: setup  ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: setup  ## the tests that need no service (seconds)
	$(BIN)/pytest -m "not services"

property: setup  ## the engine against the naive interpreter of tests/reference, 50,000 stories (20 minutes of CPU)
	MAL_REFERENCE_EXAMPLES=50000 $(BIN)/pytest tests/property/test_reference.py

SECONDS ?= 600
fault: setup  ## faults on a real Kafka cluster and Postgres, then a verifier (10 minutes; SECONDS=… SEED=…)
	$(BIN)/python -m tests.fault --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

FIRST ?= 0
COUNT ?= 100000
simulate: setup  ## shards, commits and timers over a simulated log, 100,000 seeds (17 minutes on two cores); FIRST=, COUNT=
	$(BIN)/python -m tests.simulation --first $(FIRST) --count $(COUNT)

# Two processes, each with services of its own: most of these tests wait, for a broker or for a session to run out.
test: check  ## everything: checks, quick tests first, then those on real Kafka and Postgres
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

format: setup  ## write the formatting that `check` asks for
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## write the lock files from what is installed, after a change of pyproject.toml
	$(BIN)/python -m dev.lock

bench: setup  ## events per second beside raw aiokafka and an idiomatic Faust agent, and latency
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.latency

clean:  ## what a build leaves behind; .venv and .mal stay
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
