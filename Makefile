# make run    the gateway with a stand-in upstream, one call through both; stays up until Ctrl-C
# make test   everything .ci/run checks: lint, types, tests
# make bench  the gateway beside its peers (bounded, loopback); bench/README.md says how to read it
# make bench-core  the tables alone, beside the same translation by hand
# make clean  removes what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench bench-core clean

run: $(VENV)/.run
	$(BIN)/aisix demo

test: $(VENV)/.test node
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

bench: $(VENV)/.test
	$(BIN)/python -m bench.gateway

bench-core: $(VENV)/.test
	$(BIN)/python -m bench.translate

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.test: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(VENV)/.run

# The Node clients of tests/clients; without Node those tests are left out, and say so.
.PHONY: node
node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory tests/clients/node_modules/.done; \
	else echo "npm not found: the Node client tests will be skipped"; fi

tests/clients/node_modules/.done: tests/clients/package.json
	cd tests/clients && npm install --no-audit --no-fund --silent
	touch $@

clean:
	rm -rf $(VENV) tests/clients/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache
