# Two commands do everything on a fresh machine that has Python, pip and make:
#   make run    set up, execute the tiny profile, say where the report is
#   make test   set up, run the whole test suite
# And one, for hours, asks whether the tests would notice a mistake in what judges and keeps records:
#   make mutants [ONLY='lib/proofbook/runs/verdicts.py …'] [FRESH=1]
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: run test lint bench mutants clean

run: $(READY)
	$(BIN)/proofbook run --profile tiny

test: $(READY_DEV) lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --durations=15 --cov --cov-report=term --cov-fail-under=85
	$(BIN)/python -m coverage report --fail-under=95 --include='*/proofbook/records/*,*/proofbook/profiles.py,*/proofbook/checks/*,*/proofbook/runs/*,*/proofbook/signoff/*'

lint: $(READY_DEV)
	$(BIN)/ruff check lib tests
	$(BIN)/ruff format --check lib tests
	$(BIN)/mypy

bench: $(READY_DEV)
	$(BIN)/proofbook run --profile benchmarks -j 1

mutants: $(READY_DEV)
	$(BIN)/python tests/mutants $(if $(FRESH),--fresh) $(foreach each,$(ONLY),'$(each)')

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(READY): $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install -q -e '.[all]'
	@touch $@

$(READY_DEV): $(READY) pyproject.toml
	$(BIN)/python -m pip install -q -e '.[all,dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mutants .pytest_cache .mypy_cache .ruff_cache .coverage*
