# Two commands are all that a fresh machine with Python and make needs: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SOURCES = $(shell find convspec runners pipelines -name '*.py' -o -name '*.yaml' -o -name '*.txt') pyproject.toml

.PHONY: run test test-slow test-torch test-ray lint format clean

run: $(VENV)/.installed
	$(BIN)/convspec run pipelines/digits.yaml

test: $(VENV)/.installed $(VENV)/.test
	$(BIN)/python -m pytest -q --numprocesses auto --dist loadfile

test-slow: $(VENV)/.installed $(VENV)/.test
	$(BIN)/python -m pytest -q -m slow

test-torch: $(VENV)/.installed $(VENV)/.test $(VENV)/.torch
	$(BIN)/python -m pytest -q -m 'torch and not slow'

test-ray: $(VENV)/.installed $(VENV)/.test $(VENV)/.ray
	$(BIN)/python -m pytest -q -m ray

lint: $(VENV)/.installed $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/.requirements: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing what convspec needs; the first time takes some minutes."
	$(PIP) .
	@touch $@

# The package itself is installed as a user would install it, anew whenever a source file has changed.
$(VENV)/.installed: $(VENV)/.requirements $(SOURCES)
	@rm -rf build
	$(PIP) --no-deps --force-reinstall .
	@rm -rf build *.egg-info
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(PIP) '.[test]'
	@rm -rf build *.egg-info
	@touch $@

$(VENV)/.torch: $(VENV)/.installed
	$(PIP) '.[torch]'
	@rm -rf build *.egg-info
	@touch $@

$(VENV)/.ray: $(VENV)/.installed
	$(PIP) '.[ray]'
	@rm -rf build *.egg-info
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(PIP) '.[dev]'
	@rm -rf build *.egg-info
	@touch $@
