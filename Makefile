# Two targets do everything on a fresh machine: `make demo` and `make test`. Both make their own environment.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo lint test test-long format configs clean

demo: .venv/installed
	$(BIN)/musse-stream demo $(ARGS)

# all but the tests: format, lint, words, types, layers
lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m tests.style.check
	$(BIN)/mypy
	$(BIN)/lint-imports

# the same as continuous integration
test: lint
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest $(ARGS)

# what takes minutes: more seeds, more kills
test-long: .venv/installed-dev
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -m long --timeout 3600 $(ARGS)

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# the commented examples in configs/, written from the configuration's own model
configs: .venv/installed-dev
	$(BIN)/musse-stream config show > configs/default.toml

# torch first and exactly: a range could bring another release with gigabytes of libraries
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install torch==2.13.0
	$(BIN)/python -m pip install --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
