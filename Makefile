# Two commands set up everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml CMakeLists.txt $(shell git ls-files native src 2>/dev/null)

.PHONY: demo test lint check bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed ## fit ten models to real data, print the table, write demo-report/
	$(BIN)/python -m cofactor.demo

test: $(VENV)/.installed-test ## run every test against the installed package
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev ## style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_structure.py

bench: $(VENV)/.installed-bench ## time cofactor against its peers: all, or ONLY=name, or QUICK=1
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

clean: ## forget everything built
	rm -rf $(VENV) build dist demo-report .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

$(VENV)/.installed: $(VENV)/.created $(SOURCES)
	$(BIN)/pip install --quiet '.[all]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.created $(SOURCES)
	$(BIN)/pip install --quiet '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/.installed-test
	$(BIN)/pip install --quiet '.[dev]'
	touch $@ $(VENV)/.installed-test $(VENV)/.installed

$(VENV)/.installed-bench: $(VENV)/.created $(SOURCES)
	$(BIN)/pip install --quiet '.[bench]'
	touch $@ $(VENV)/.installed
