# Two commands for a fresh machine: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCENARIO ?= scenarios/azure-functions-bursty-day.yaml

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-thorough test-slow check bench bench-setup lock resolve validation clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.ready  ## make .venv with the locked versions

# constraints.txt holds the versions that were tested together; pyproject.toml holds the ranges that are allowed.
$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready  ## compare a serverless with a real-time endpoint on a recorded bursty day
	$(BIN)/endpointsim run $(SCENARIO) --jobs auto

test: $(VENV)/.ready  ## the default suite, under five minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

test-thorough: $(VENV)/.ready  ## deliberate faults, signals and clusters, true crossings: some minutes
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m 'thorough and not slow'

test-slow: $(VENV)/.ready  ## the long oracles and the large agreement runs
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m slow

check: $(VENV)/.ready  ## linter, formatter, types, scenarios
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for file in scenarios/*.yaml; do $(BIN)/endpointsim validate $$file > /dev/null || exit 1; done

bench-setup: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'

bench: bench-setup  ## ratios against other simulators, measured side by side
	$(BIN)/python -m pytest -q -s -m benchmark tests/benchmarks

validation: $(VENV)/.ready  ## make the tables of simulator/notes/validation.md anew
	$(BIN)/endpointsim validation --write simulator/notes/validation.md

lock: $(VENV)/.ready  ## choose the newest versions anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --only-binary :all: --no-header --no-annotate -q -o constraints.txt

resolve: $(VENV)/.ready  ## show that the lowest and the newest versions resolve, wheels only, on each Python
	$(BIN)/python -m pip install --quiet uv
	for version in 3.11 3.12 3.13 3.14; do for end in lowest-direct highest; do \
	  $(BIN)/uv pip compile pyproject.toml --extra dev --resolution $$end --only-binary :all: --python-version $$version \
	    --no-header --no-annotate -q -o /dev/null && echo "$$version $$end: resolves" || exit 1; done; done

clean:  ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
