# Everything runs from the checkout's own .venv; nothing is installed anywhere else.
#
#   make demo     a company at work: embedded servers, simulated partners, live traffic, the console
#   make test     the whole suite, against real PostgreSQL and Redis it starts itself
#   make check    style, types, layers, words, generated pages, known weaknesses of dependencies
#
# ARGS passes arguments through: make demo ARGS="--orders 2000 --exit --no-open"
# PYTHON names the interpreter to build .venv with: make test PYTHON=python3.13

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types layers shape audit docs lock assets bench pyas2 soak clean

help:
	@sed -n 's/^#  \{0,2\}//p' Makefile | sed -n '1,/^PYTHON/p'

demo: $(INSTALLED)
	$(BIN)/crossdock demo $(ARGS)

# The whole suite runs in as many processes as there are cores, each with servers of its own; a part runs in one.
TESTS = $(if $(strip $(ARGS)),$(ARGS),-n auto --dist loadfile)
test: $(INSTALLED)
	$(BIN)/python -m pytest $(TESTS)

check: lint types layers shape audit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests docs

layers: $(INSTALLED)
	$(BIN)/lint-imports --no-cache --no-logo

# Words of CONTEXT.md, length of files, links, generated pages.
shape: $(INSTALLED)
	$(BIN)/python -m pytest tests/architecture

# Asks the package index about known weaknesses; where it cannot be asked (no network, a mirror of files only) the
# audit says so and goes on.
ASK = import importlib.metadata as m, urllib.request as r; \
      r.urlopen('https://pypi.org/pypi/pip/' + m.version('pip') + '/json', timeout=5).close()
audit: $(INSTALLED)
	@if $(BIN)/python -c "$(ASK)" 2>/dev/null; \
	then $(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off; \
	else echo "pip-audit skipped: the package index cannot be asked about known weaknesses from here"; fi

docs: $(INSTALLED)
	$(BIN)/python docs/generate.py

# All of them in small, to see that they run; the figures of docs/benchmarks.md are taken one by one on a quiet machine.
BENCHMARKS := startup memory intake reserve routing waves pipeline growth
bench: $(INSTALLED)
ifeq ($(strip $(ARGS)),)
	@set -e; for name in $(BENCHMARKS); do $(BIN)/crossdock bench $$name --small; done
else
	$(BIN)/crossdock bench $(ARGS)
endif

# An AS2 partner to test against, whose license (GPL) keeps it out of .venv; the tests find it in .pyas2.
PYAS2 := django-pyas2==1.2.3
pyas2: .pyas2/.installed
.pyas2/.installed: Makefile
	$(PYTHON) -m venv --clear .pyas2
	.pyas2/bin/python -m pip install --quiet --disable-pip-version-check "$(PYAS2)"
	@touch $@

soak: $(INSTALLED)
	$(BIN)/python -m benchmarks.soak $(ARGS)

assets:
	cd console/assets && npm ci && node build.mjs

clean:
	rm -rf .venv .pyas2 .mypy_cache .ruff_cache .pytest_cache .hypothesis crossdock.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# .venv: made when missing, installed into again only when the lock or the metadata changed.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Crossdock needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' comes without venv. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(INSTALLED): $(BIN)/python requirements.lock setup.cfg pyproject.toml
	@echo "Installing what requirements.lock lists into .venv (a minute or two, only when it changed)" >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# The locks hold the hashes of every file the index offers for each version, for Python 3.11 to 3.14 on any system.
# The second one is the image's: no embedded servers, no test tools, the same versions.
# UPGRADE=1 takes the newest versions, otherwise those already locked are kept.
UV = $(BIN)/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes \
     --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock:
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(UV) --all-extras --output-file requirements.lock pyproject.toml
	$(UV) --extra build --constraint requirements.lock --output-file requirements-image.lock pyproject.toml
