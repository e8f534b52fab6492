# `make demo` shows what this is. Three targets test it, each with all its own set-up in .venv:
#   make quick     the daily loop, under a minute: ruff, mypy, and all tests that are not marked `slow`
#   make test      what CI runs: ruff, mypy, and the tests that the development packages can run
#   make test-all  all tests, with every extra of pyproject.toml, and a list of what was skipped, and why
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal

.PHONY: demo quick test test-all lint format clean

demo: $(VENV)/runtime
	$(BIN)/shoplens demo

quick: lint
	$(PYTEST) -m 'not slow and not extras and not thorough'

test: lint
	$(PYTEST) -m 'not extras and not thorough'

test-all: $(VENV)/extras lint
	$(PYTEST) -rs

lint: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache /dev/shm/shoplens-tests-$$(id -u)

$(VENV)/runtime: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Shoplens needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) --editable '.[map]'
	@touch $@

$(VENV)/development: $(VENV)/runtime
	$(PIP) --group dev
	@touch $@

$(VENV)/extras: $(VENV)/development
	$(PIP) --editable ".[$$($(PYTHON) -c \
	  'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"], sep=",")')]"
	$(PIP) --group extras
	@touch $@
