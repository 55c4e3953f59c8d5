# Every target makes the environments that it needs. PYTHON is the interpreter for them (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --disable-pip-version-check --quiet
TORCH ?= torch==2.13.0
NODE_MODULES := tests/browser/node_modules

.PHONY: demo test test-torch test-browser lint format docs serve-docs bench chaos fuzz clean

# Makes a world of small videos, trains four models, and writes a page about their biases.
demo: $(VENV)/.run
	$(BIN)/python -m albar_jax demo

# Runs the tests in two processes, or in JOBS.
test: $(VENV)/.dev $(NODE_MODULES)/.done
	$(BIN)/python -m pytest -n $(or $(JOBS),2) --dist worksteal

# The tests of the pages in a browser, which `make test` runs, too.
test-browser: $(VENV)/.dev $(NODE_MODULES)/.done
	$(BIN)/python -m pytest tests/evaluation/test_page_in_a_browser.py tests/evaluation/test_report_in_a_browser.py

# The tests that need PyTorch or kinds of audited models, in an environment of their own: JAX's tests
# run without these packages.
test-torch: .venv-torch/.done
	.venv-torch/bin/python -m pytest -n $(or $(JOBS),2) --dist worksteal \
	  $$(grep -lrE 'importorskip\("(torch|torchvision|transformers|onnxruntime)"\)' tests --include='test_*.py')

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Builds the documentation in site/. A warning, such as a broken link, is an error.
docs: .venv-docs/.done
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

# Shows the documentation at http://localhost:8000 and rebuilds it after each change.
serve-docs: .venv-docs/.done
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs serve

bench: $(VENV)/.run
	$(BIN)/python -m benchmarks.methods
	$(BIN)/python -m benchmarks.data

# Disturbs every command with kills, stops, full disks and flipped bits at random moments: docs/chaos.md.
chaos: $(VENV)/.run
	$(BIN)/python -m chaos --minutes $(or $(MINUTES),20) --seed $(or $(SEED),0)

# Gives damaged and hostile files to every reader, for MINUTES minutes with seed SEED: docs/fuzzing.md.
fuzz: $(VENV)/.run
	$(BIN)/python -m fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV) .venv-docs .venv-torch site $(NODE_MODULES)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.txt pyproject.toml
	$(BIN)/python $(PIP) -r requirements.txt
	$(BIN)/python $(PIP) --no-deps -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(BIN)/python $(PIP) -r requirements-dev.txt
	touch $@

# The documentation tools read the source without importing it, so they need no JAX.
.venv-docs/.done: docs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python $(PIP) -r docs/requirements.txt
	touch $@

# PyTorch beside the packages of $(VENV), which a .pth file adds to the search path.
# TORCH and pip's own settings choose another build, such as one for the CPU only.
.venv-torch/.done: $(VENV)/.dev requirements-torch.txt
	$(VENV)/bin/python -m venv .venv-torch
	$(BIN)/python -c 'import os, sysconfig; print(sysconfig.get_path("purelib"), os.getcwd(), sep="\n")' \
	  > "$$(.venv-torch/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/albar_jax_venv.pth"
	.venv-torch/bin/python $(PIP) "$(TORCH)" -r requirements-torch.txt
	touch $@

# Programs that drive a browser. Without npm their tests are skipped.
$(NODE_MODULES)/.done: tests/browser/package-lock.json
	@if command -v npm > /dev/null; then \
	  npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	else echo "npm is not installed: the tests in a browser are skipped"; fi
