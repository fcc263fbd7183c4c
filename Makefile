# Two targets do everything on a fresh machine: `make demo` and `make test`. Both make their own environment.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# first and exactly: a range could bring another release with gigabytes of libraries
TORCH := torch==2.13.0

# bytecode is written whatever the environment says: else each start of pytest or a child compiles all sources
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo lint style types test together test-long long-tests format configs lock clean

demo: .venv/installed
	$(BIN)/musse-stream demo $(ARGS)

# all but the tests
lint: style types

# format, lint, words, layers: seconds
style: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m tests.style.check
	$(BIN)/lint-imports

types: .venv/installed-dev
	$(BIN)/mypy

# the same as continuous integration: in two workers all tests but those of short times and rates, beside them
# the types (a minute of one core); these tests alone after them. 5: ARGS names none of a kind
PYTEST := OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest
ALONE = $(shell grep -rl "mark\.alone" tests --include "test_*.py")
test: style
	$(MAKE) -j 2 types together
	$(PYTEST) -m "alone and not long" $(or $(ARGS),$(ALONE)) || [ $$? -eq 5 ]

# one thread each: two would wait for each other
together: .venv/installed-dev
	OMP_NUM_THREADS=1 $(PYTEST) -m "not alone and not long" -n 2 --dist worksteal $(ARGS) || [ $$? -eq 5 ]

# what takes minutes: more seeds, more kills, the container's image; then coverage by all other tests. Its floor
# is what they reached on 2026-11-29, 89.8 %, rounded down. Ends in a JSON report, also where it breaks off
test-long: .venv/installed-dev
	$(BIN)/python -m pip install --editable ".[cluster]"
	mkdir -p build
	$(MAKE) long-tests; status=$$?; $(BIN)/python -m tests.long_report build/test-long.json; exit $$status

long-tests:
	rm -f build/*.xml build/coverage.json
	$(PYTEST) -m long --timeout 3600 --junit-xml build/long.xml $(ARGS)
	$(PYTEST) -m "not alone and not long" -n 2 --dist worksteal --timeout 600 --cov --cov-report= --junit-xml build/together.xml
	$(PYTEST) -m "alone and not long" --cov --cov-append --cov-report=json:build/coverage.json --cov-fail-under=89 \
	    --junit-xml build/alone.xml

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# the commented examples in configs/, written from the configuration's own model
configs: .venv/installed-dev
	$(BIN)/musse-stream config show > configs/default.toml

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(TORCH)
	$(BIN)/python -m pip install --editable .
	touch $@

# exact versions with hashes, so that every machine tests the same. Bytecode only of what is imported, when it
# is: of all 11,600 modules it takes more than a minute
.venv/installed-dev: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-compile $(TORCH)
	$(BIN)/python -m pip install --no-compile --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --no-deps --editable .
	touch .venv/installed $@

# needs uv; the override leaves torch out, which is pinned above and in the Dockerfile
lock:
	mkdir -p build
	echo "torch; sys_platform == 'never'" > build/overrides.txt
	echo "# All dependencies but torch, with hashes for Linux, Windows and macOS. Written by \`make lock\`; do not edit." \
	    > requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --overrides build/overrides.txt --no-emit-package torch --quiet >> requirements.lock

clean:
	rm -rf .venv build .coverage *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
