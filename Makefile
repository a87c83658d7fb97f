# Two commands do everything: `make demo` shows it working, `make test` checks everything.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DIR ?=
PYTEST ?= --numprocesses auto --dist worksteal

.PHONY: help demo test check-format lint types layers tests soak bench generated pictures release-check docs lock clean

help:
	@echo "make demo            see kbsync work: a server, sample documents, two syncs, an answer"
	@echo "make demo DIR=/some  the same with a folder of yours, which is only read"
	@echo "make test            format, lint, types, layers, all tests"
	@echo "make soak            crash at every point, kill it at any moment, live random histories, for long"
	@echo "make soak SEED=7     tell one of these histories, line by line"
	@echo "make bench           measure, each figure beside what one would use instead"
	@echo "make docs            build the guide into build/guide"
	@echo "make generated       renew what is made of the code: manual page, completions"
	@echo "make pictures        renew the pictures of the README"
	@echo "make release-check   build, check and install what would be released"
	@echo "make lock            renew requirements/*.txt"

demo: $(VENV)/.run
	@$(BIN)/kbsync demo $(if $(DIR),--dir "$(DIR)")

test: check-format lint types layers tests

check-format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

tests: $(VENV)/.dev
	$(BIN)/pytest $(PYTEST)

# Sets must have the same order each time, or a history could not be told again.
SEED ?=
FIRST ?= 1
MINUTES ?= 30
soak: export PYTHONHASHSEED = 0
soak: $(VENV)/.dev
ifeq ($(SEED),)
	SOAK=1 $(BIN)/pytest tests/flow/test_crash_points.py tests/flow/test_kill.py \
		tests/integration/test_ledger_machine.py
	$(BIN)/python -m tests.simulation --first $(FIRST) --minutes $(MINUTES)
else
	@$(BIN)/python -m tests.simulation --seed $(SEED)
endif

# Files that are made of the code and kept: a test tells when they are not current.
generated: $(VENV)/.dev
	$(BIN)/python -m tools.share

# Of kbsync at work; needs Chromium.
pictures: $(VENV)/.dev
	$(BIN)/python -m tools.pictures

# The guide, as a site that can be read from the disk; its reference is made of the code.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q && echo "build/guide/index.html"

# Builds from the commit, checks the files and installs them with pipx and uv; needs uv and an index.
release-check: $(VENV)/.dev
	$(BIN)/python -m tools.release

bench: $(VENV)/.dev
	$(BIN)/python -m bench

# What a command needs is installed from exact versions with hashes; the project itself is linked.
$(VENV)/.run: requirements/run.txt pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "kbsync needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# Needs uv. Nothing of an index's address may get into the files.
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --extra standin --group build pyproject.toml
lock:
	$(LOCK) -o requirements/run.txt
	$(LOCK) --extra convert --extra notify --group dev -o requirements/dev.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
