# Everything a contributor needs to run; README.md and CONTRIBUTING.md explain.
# Without a graphics card: make demo PIP_FLAGS='--extra-index-url https://download.pytorch.org/whl/cpu'

PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow golden check bench clean

demo: $(VENV)/ready  ## Build a sample shop, clone it to DuckDB, say what happened.
	$(BIN)/dbsynth demo demo

test: $(VENV)/ready  ## Run the whole test suite.
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(VENV)/ready  ## Fail and cut every statement of a load, and more: for changes of adapters.
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

golden: $(VENV)/ready  ## Write the expected plans of tests/schemas anew, after a wanted change.
	DBSYNTH_REWRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/test_golden.py

bench: $(VENV)/ready  ## Raw and synthetic copies of 1.5 million rows, in turn; results in docs/.
	$(BIN)/python -m tests.speed --millions 0.1 --millions 1 --millions 10 --out docs

check: $(VENV)/ready  ## Formatting, lint, types and the import rules.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p dbsynth
	$(BIN)/lint-imports

clean:  ## Remove the environment, caches, builds and the demo.
	rm -rf $(VENV) build dist *.egg-info demo
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c constraints.txt -e '.[mysql,test]'
	touch $@
