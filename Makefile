# Every target makes .venv by itself. PYTHON picks the interpreter that it is made with (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format bench chaos fuzz clean

# Ten minutes on two cores: a world of small videos, four models, and a page that shows which of them cheat.
demo: $(VENV)/.run
	$(BIN)/python -m albar_jax demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.run
	$(BIN)/python -m benchmarks.methods
	$(BIN)/python -m benchmarks.data

# Disturbs every command with kills, stops, full disks and flipped bits at random moments: see docs/chaos.md.
chaos: $(VENV)/.run
	$(BIN)/python -m chaos --minutes $(or $(MINUTES),20) --seed $(or $(SEED),0)

# Gives damaged and hostile files to every reader, for MINUTES minutes with seed SEED: see docs/fuzzing.md.
fuzz: $(VENV)/.run
	$(BIN)/python -m fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-dev.txt
	touch $@
