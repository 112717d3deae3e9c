# The front door. `make` lists what there is; nothing needs to be set up first.
#
# Everything lives in .venv. A stamp file there is newer than pyproject.toml when nothing needs installing, so a second
# call goes straight to work. Paths are relative: a checkout in a folder with spaces in its name works.

SHELL := /bin/sh
BIN := .venv/bin
USER_STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq

MODEL := local:smollm2-135m
PROMPT := In two sentences: what is a Unix pipeline good for?
# More words for pytest, as in `make test ARGS="-k bus -x"`.
ARGS :=
export MODEL PROMPT
# pyright would announce its newer versions
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# What a user's shell may have set and would send an installation elsewhere, or the program to other modules.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run install test check format docs bench clean

help: ## list what there is to make
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

run: $(USER_STAMP) ## install, fetch the embedded model, and let it answer a question (PROMPT="…" MODEL=…)
	@$(BIN)/llmgine models pull smollm2-135m
	@echo "\$$ llmgine run -m $$MODEL \"$$PROMPT\"" >&2
	@$(BIN)/llmgine run -m "$$MODEL" "$$PROMPT" </dev/null

install: $(DEV_STAMP) ## install the program and the development tools into .venv

test: $(DEV_STAMP) ## run the tests, those with the real local model included (ARGS="-k bus -x")
	@$(BIN)/llmgine models pull smollm2-135m
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: $(DEV_STAMP) ## formatting, lint, types (mypy and pyright, strict), layers, generated docs
	@echo 'ruff format' && $(BIN)/ruff format --check --quiet . || { echo 'make format puts it right' >&2; exit 1; }
	@echo 'ruff check' && $(BIN)/ruff check --quiet .
	@echo 'mypy' && $(BIN)/mypy --no-error-summary
	@echo 'pyright' && $(BIN)/pyright
	@echo 'layers' && $(BIN)/python -m pytest -q tests/test_layers.py
	@echo 'docs' && $(BIN)/python docs/generate.py --check

format: $(DEV_STAMP) ## format the code, and fix what the linter can fix
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

docs: $(DEV_STAMP) ## write docs/commands.md from the program's own --help
	@$(BIN)/python docs/generate.py

bench: $(DEV_STAMP) ## measure beside llm and the openai SDK, print the table and write docs/benchmarks.md
	@$(BIN)/python -m tests.benchmarks

clean: ## remove everything that make made here; models stay in the user's data folder
	rm -rf .venv .bench build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(USER_STAMP): pyproject.toml | $(BIN)/python
	@echo 'installing llmgine and its libraries into .venv (about a minute, once)' >&2
	@$(PIP) --editable '.[local]'
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	@echo 'installing llmgine, its libraries and the development tools into .venv (about two minutes, once)' >&2
	@$(PIP) --editable '.[local,otel,bedrock,vertex,dev]'
	@touch $(USER_STAMP) $@

# Tried by running it: a name on PATH may be a version manager's shim for a Python that is not switched on.
$(BIN)/python:
	@if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
	else set -- python3 python3.14 python3.13 python3.12 python3.11 python; fi; \
	for python in "$$@"; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making .venv with $$("$$python" --version)" >&2; \
	    exec "$$python" -m venv .venv; \
	  fi; \
	done; \
	echo "llmgine needs Python 3.11 or newer, with venv; tried: $${PYTHON:-python3 ($$(python3 --version 2>&1)) and others}." >&2; \
	echo 'Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python),' >&2; \
	echo 'or say where it is: make PYTHON=/path/to/python3.12 …' >&2; \
	exit 1
