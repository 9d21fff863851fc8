# From a clone with Python >= 3.11, pip and make: `make demo` opens the console, `make test` runs all the tests.
# The first Python that is new enough; `make PYTHON=/path/to/python ...` names another.
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$one; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# More than a small machine has processors: half of what tests do is to wait for other processes.
WORKERS ?= 4

.PHONY: demo test lint format bench faults binary krew share docs tour screenshots clean

demo: $(VENV)/.run-ready
	@$(BIN)/meshtop demo $(ARGS)

# Compiled modules are kept, whatever the environment says: hundreds of processes that the tests start read them.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev-ready
	@$(BIN)/python -m compileall -q -j 0 meshtop
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev-ready
	$(BIN)/python -m benchmarks $(ARGS)

# Hours of what the suite does for seconds: thousands of odd answers, a hundred kills, every story recorded and replayed,
# every world walked
# (docs/reliability.md).
faults: export FAULTS_ANSWERS ?= 2000
faults: export FAULTS_KILLS ?= 100
faults: export FAULTS_RECORDINGS ?= 850
faults: export FAULTS_STORIES ?= 1
faults: export FAULTS_WORLDS ?= 1
faults: $(VENV)/.dev-ready
	$(BIN)/python -m pytest tests/faults tests/e2e/test_recordings_of_the_demo.py tests/e2e/worlds -q -rfE -s --timeout 0 $(ARGS)

# The program in one file, in dist/ (docs/install.md), tested on a bare machine; krew's manifest of it: make krew RELEASES=https://... HOMEPAGE=...
binary: $(VENV)/.release-ready $(VENV)/.dev-ready
	$(BIN)/python -m release.binary
	MESHTOP_TEST_BINARY="$$($(BIN)/python -m release.binary --where)" \
		$(BIN)/python -m pytest tests/packaging/test_binary.py -q -rfEs

krew: $(VENV)/.release-ready
	RELEASES="$(RELEASES)" HOMEPAGE="$(HOMEPAGE)" $(BIN)/python -m release.krew

# Manual pages and completion files, after a command, an option or a help text changed.
share: $(VENV)/.dev-ready
	$(BIN)/python -m release.share

# The pages as a site, in dist/docs, with every link and anchor checked.
docs: $(VENV)/.docs-ready
	$(BIN)/python -m release.site

# The first two minutes in the demo, filmed: screenshots/tour.svg.
tour: $(VENV)/.dev-ready
	$(BIN)/python -m release.tour

screenshots: $(VENV)/.dev-ready
	$(BIN)/python -m screenshots $(ARGS)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	@# Debian splits ensurepip off: there the system's pip puts pip into the environment.
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check pip; } || \
		{ rm -rf $(VENV); exit 1; }

$(VENV)/.run-ready: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev-ready: $(VENV)/.run-ready
	@echo "Adding what the tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev
	@touch $@

$(VENV)/.release-ready: $(VENV)/.run-ready
	@echo "Adding what releases need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group release
	@touch $@

$(VENV)/.docs-ready: $(VENV)/.run-ready
	@echo "Adding what the site needs (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group docs
	@touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
