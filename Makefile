# The two commands a newcomer needs are `make run` and `make test`; both do all set-up themselves.
# `make help` lists the rest. Nothing here needs root, an account or a cluster.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
BOT ?= manifests/samples/quickstart.yaml

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: setup
setup: $(STAMP) ## make .venv with everything pinned in requirements.lock, and .venv/bin/tradewind

# uv itself is installed from the same lock (its own paragraph of it), so there is one list of pins and every byte
# is checked against a hash.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 15)))' || { \
	  echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); allowed: Python 3.11 to 3.14; fix: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) has no venv module; fix: apt-get install python3-venv (Debian, Ubuntu)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: ## resolve pyproject.toml again into requirements.lock (hashes, no addresses)
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
	  --extra parquet --group dev --python-version 3.11 pyproject.toml -o requirements.lock
