.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
# How much the scaled campaigns do in `make test`; the large runs have targets of their own.
EXAMPLES ?= 25
REPETITIONS ?= 5
# Test processes beside each other, with one thread each.
WORKERS ?= 2
# Simulated worlds, and after how many minutes `make simulation` ends all the same.
SEEDS ?= 100000
MINUTES ?= 60
# A folder of MovieLens 100K, for the benchmarks.
DATA ?= $(TWOFOLD_DATA)/ml-100k

.PHONY: help install check test demo fuzz faults simulation browser benchmark-time-to-quality
.PHONY: benchmark-flower benchmark-slow-sockets clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-25s %s\n", $$1, $$2}'

install: $(STAMP) ## Set up .venv with everything that development needs

# torch first and alone: with it in place, no later requirement can pull another build of it.
$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $(STAMP)

check: $(STAMP) ## Lint, types and house rules, in seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py

test: $(STAMP) check ## Everything that must pass, on SQLite and Postgres, with a real Redis
	TWOFOLD_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

demo: $(STAMP) ## The whole path on a sample shop: devices, rounds, recommendations, a page (ARGS=--exit ends)
	$(BIN)/twofold demo $(ARGS)

fuzz: $(STAMP) ## Every route against generated bad input, at length
	TWOFOLD_EXAMPLES=1000 $(BIN)/python -m pytest -n 2 tests/fuzz $(ARGS)

faults: $(STAMP) ## Real processes, stores, disks and networks that fail; writes docs/reliability.md
	TWOFOLD_FAULT_REPETITIONS=$(REPETITIONS) TWOFOLD_FAULT_TABLE=docs/reliability.md \
		$(BIN)/python -m pytest tests/faults $(ARGS)

simulation: $(STAMP) ## Rounds in simulated worlds full of faults, at length (SEEDS=100000 MINUTES=60)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --minutes $(MINUTES) $(ARGS)

browser: $(STAMP) ## The page in a headless Chromium at two widths
	$(BIN)/python -m pytest tests/browser $(ARGS)

# Minutes of CPU time. One thread: both sides are timed by the CPU seconds of the process.
benchmark-time-to-quality: $(STAMP) ## PFedRec's own loop against the simulator, to equal quality (DATA=ml-100k)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.time_to_quality --data $(DATA) $(ARGS)

# Half an hour, most of it Flower's waiting. Flower comes from PyPI into .venv-flower.
benchmark-flower: $(STAMP) ## Twofold beside Flower's SuperLink: requests, CPU, updates a second, kill -9
	$(BIN)/python -m benchmarks.superlink_race $(ARGS)

benchmark-slow-sockets: $(STAMP) ## A thousand slow connections beside good requests
	$(BIN)/python -m benchmarks.slow_sockets $(ARGS)

clean: ## Remove what the other targets made
	rm -rf $(VENV) .venv-flower dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .twofold
