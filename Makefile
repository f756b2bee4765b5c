# make run    the gateway with a stand-in upstream, one call through both; stays up until Ctrl-C
# make test   lint, types and every test, with PYTHON (default: python3)
# make suite  the tests alone, or those named by PARTS="tests/proxy tests/store"
# make test-long  what is tried at random, LONG (20) times as often; mistakes, chaos, differential in full
# make test-pythons  the suite on every supported Python that is here (tests/pythons.py)
# make clients  every declared client, installed by name, against a gateway (about ten minutes), or
#             those named by CLIENTS="codex llm"; writes docs/clients.md. CLIENTS="--upstream openai":
#             over an OpenAI-compatible upstream
# make bench  the gateway beside its peers (bounded, loopback); bench/README.md says how to read it
# make bench-core  the tables alone, beside the same translation by hand
# make clean  removes what the others made
#
# make ... PYTHON=python3.13 uses that one: a $(VENV) of another version is made anew.

VENV := .venv
BIN := $(VENV)/bin
PARTS ?=
LONG ?= 20
CLIENTS ?=

.PHONY: run test lint suite test-long test-pythons clients bench bench-core clean

run: $(VENV)/.run
	$(BIN)/aisix demo

test: lint suite

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What only computes (tests/mapping) on all cores, case by case. The rest waits more than it computes:
# two more at a time than there are cores, file by file, since each file has gateways, ports and
# folders of its own, in the order that tests/conftest.py gives them.
WAITING := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
BY_FILE := -n $(WAITING) --dist loadfile --no-loadscope-reorder
suite: $(VENV)/.test node aider
ifeq ($(strip $(PARTS)),)
	$(BIN)/pytest -n auto --dist worksteal tests/mapping
	$(BIN)/pytest $(BY_FILE) --ignore tests/mapping
else
	$(BIN)/pytest $(BY_FILE) $(PARTS)
endif

# What is tried at random, AISIX_LONG times as often; each mistake in each exchange; chaos for long.
test-long: $(VENV)/.test
	AISIX_LONG=$(LONG) $(BIN)/pytest -n auto --dist worksteal --timeout 3600 tests/mapping
	AISIX_LONG=$(LONG) $(BIN)/pytest -n auto --dist loadfile --timeout 3600 tests/admin tests/store
	$(BIN)/python -m tests.exchanges.test_mistakes
	$(BIN)/python -m tests.chaos.run --exchanges 5000
	$(BIN)/python -m tests.cluster.run --exchanges 50000
	$(BIN)/python -m tests.limits.soak
	$(BIN)/python -m tests.differential --count 5000 --minutes 60
	$(BIN)/python -m tests.mapping.linear --bad --rules
	$(BIN)/python -m tests.mapping.mutate

test-pythons:
	python3 tests/pythons.py run $(PARTS)

clients: $(VENV)/.test
	$(BIN)/python -m tests.clients.runs $(CLIENTS)

bench: $(VENV)/.test
	$(BIN)/python -m bench.gateway

bench-core: $(VENV)/.test
	$(BIN)/python -m bench.translate

# Without PYTHON, the environment that is there is used, whatever made it.
ifdef PYTHON
VERSION := -c 'import sys; print("%d.%d" % sys.version_info[:2])'
ifneq ($(wildcard $(VENV)/pyvenv.cfg),)
ifneq ($(shell $(PYTHON) $(VERSION)),$(shell $(BIN)/python $(VERSION)))
$(info $(VENV) is of another Python than $(PYTHON): it is made anew)
$(shell rm -rf $(VENV))
endif
endif
endif

PYTHON ?= python3
$(BIN)/python:
	@$(PYTHON) -c 'import aisix'
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

# The one Python client that pins what the tests pin otherwise; it knows no Python above 3.12.
AIDER := aider-chat==0.86.2
.PHONY: aider
aider: | $(VENV)/.test
	@if ! grep -qsx '$(AIDER)' .venv-aider/.done; then rm -rf .venv-aider; \
	$(BIN)/python -m venv --without-pip .venv-aider; \
	$(BIN)/pip --python .venv-aider/bin/python install --quiet --disable-pip-version-check '$(AIDER)' \
	&& echo '$(AIDER)' > .venv-aider/.done || { rm -rf .venv-aider; \
	echo "$(AIDER) cannot be installed with this Python: its test will be skipped"; }; fi

clean:
	rm -rf .venv .venv-* .clients tests/clients/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache
