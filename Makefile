# The two commands a newcomer needs are `make run` and `make test`; both do all set-up themselves.
# `make help` lists the rest. Nothing here needs root, an account or a cluster.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
# Processes start in half the time when what they import is compiled once, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE
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
	@# Compiled now is what a bot starts with. All that is installed would take twenty seconds: most of it is never used.
	@$(BIN)/python -c 'import tradewind.cli.main, tradewind.topology.embedded, tradewind.kernel.store.postgres'
	@touch $@

.PHONY: lock
lock: ## resolve pyproject.toml again into requirements.lock (hashes, no addresses)
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
	  --extra parquet --extra freqtrade --extra compiled --extra optimize --group dev --python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 bench/other_libraries.in -o bench/other_libraries.txt

# ---------------------------------------------------------------------------------------------------------- using it

.PHONY: run
run: setup ## trade a recorded year with the quickstart bot (BOT=FILE for another), print the result, write a report
	$(BIN)/tradewind run $(BOT) --until-end

SERVE = $(BIN)/tradewind serve $(BOT) --set spec.data.speed=3600

.PHONY: serve
serve: setup ## the same bot at x3600, gateway on port 8000, until Ctrl-C
	@# At a terminal the bot is a job of its own: Ctrl-C reaches it alone, it drains and ends with 0, and so does make.
	@if [ -t 0 ]; then set -m; code=0; $(SERVE) || code=$$?; exit $$code; else exec $(SERVE); fi

.PHONY: render
render: setup ## print what the bot would run
	$(BIN)/tradewind render $(BOT)

# --------------------------------------------------------------------------------------------------------- changing it

# Two more than the cores that it should be quick on: whole bots wait more than they compute. Six took a tenth more
# processor for the same tests, and no less time.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
OTHERS := --ignore=tests/unit/domain tests
WHOLE := tests/topology tests/cluster tests/faults tests/simulation

.PHONY: test
test: setup ## every test; each line of the domain is run by one of its own
	@# Without the programs the tests of tests/cluster are skipped and say why, unless they are required.
	@$(BIN)/python -m tests.cluster.toolchain > /dev/null || test "$${TRADEWIND_REQUIRE_CLUSTER:-0}" != 1
	@# Whole bots wait more than they compute: what the tests of the domain compute fits in between.
	@$(MAKE) --no-print-directory -j 2 test-others test-domain

.PHONY: test-domain test-others
test-domain: setup ## tests of the domain: each of its lines is run by one of them
	@# The tracer makes all that runs under it twice as slow, so only these have it. Told when it is done.
	@told=$$(nice $(BIN)/python -m pytest -q --cov=tradewind.domain --cov-report= tests/unit/domain 2>&1) || { \
	  echo "$$told"; exit 1; }; \
	echo "$${told##*$$'\n'}"; $(BIN)/coverage report --fail-under=100 | sed -n 's/^TOTAL/domain/p'
test-others: setup .venv/.collected
	$(PYTEST) $(OTHERS)
# What all workers import at the same time at first, and pytest rewrites, is compiled before, once.
.venv/.collected: $(STAMP)
	@$(BIN)/python -m pytest -q --collect-only $(OTHERS) > /dev/null || true
	@touch $@

.PHONY: coverage
coverage: setup ## what no test runs, of everything (at least 90 % is run)
	$(PYTEST) --cov --cov-report=term --cov-fail-under=90 $(addprefix --ignore=,$(WHOLE)) tests

.PHONY: test-unit test-contract test-integration test-topology
test-unit: setup ## tests of single modules
	$(PYTEST) tests/unit
test-contract: setup ## golden files and generated files
	$(PYTEST) tests/contract
test-integration: setup ## tests of services together, over HTTP, and of the command line
	$(PYTEST) tests/integration
test-topology: setup ## whole bots: kill points, determinism, traces
	$(PYTEST) tests/topology

.PHONY: test-cluster tools
test-cluster: setup tools ## tests on a real Kubernetes control plane, run as plain processes
	TRADEWIND_REQUIRE_CLUSTER=1 $(PYTEST) tests/cluster
tools: setup ## the programs of that control plane and of the chart: found, or built into ~/.cache (once, about 14 minutes)
	$(BIN)/python -m tests.cluster.toolchain

.PHONY: e2e images images-twice
e2e: setup ## images, a real node, bots on it, all of it hurt (root; 25 minutes cold); writes docs/footprint.md
	$(BIN)/python -m tests.node
images: setup ## only the images, as archives in ~/.cache
	$(BIN)/python -m tests.node.image_building
images-twice: setup ## Tradewind's image, made twice from nothing: the same bytes? (two minutes)
	$(BIN)/python -m tests.node.image_building --twice

SCHEDULES ?= 10000
SEED ?= 0

.PHONY: simulate
simulate: setup ## lives of a bot in virtual time, disturbed in every way (SCHEDULES=10000 SEED=0; 25 minutes on two cores)
	$(BIN)/python -m tests.simulation --schedules $(SCHEDULES) --seed $(SEED)

FAULTS ?= 10

.PHONY: faults
faults: setup ## real processes and servers under every fault (FAULTS=10 runs a row, SEED=0); writes docs/reliability.md
	$(BIN)/python -m tests.faults --runs $(FAULTS) --seed $(SEED)

AWAY ?= 60

.PHONY: outages
outages: setup ## Redis, PostgreSQL and both are killed and stay away twice (AWAY=60 seconds), under a bot in processes
	TRADEWIND_AWAY=$(AWAY) $(BIN)/python -m pytest --timeout=3000 -k away tests/topology/test_split.py

.PHONY: kill-points
kill-points: setup ## kill a bot at 200 random points and resume it each time
	TRADEWIND_KILL_POINTS=200 $(PYTEST) --timeout=3000 tests/topology/test_kill_points.py

.PHONY: check
check: static ## lint, types, layers, unit tests: what a change must pass before it is committed
	@# The simulated venue waits for `make test`: what is run before each commit has to be quick.
	$(PYTEST) tests/unit --ignore=tests/unit/sim_exchange

.PHONY: static
static: setup ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache | grep -v '^ *$$' | tail -6

.PHONY: bench
bench: bench-backtest bench-compiled ## candles per second of both backtests and of the whole bot, beside plain loops
	$(BIN)/python bench/replay.py

.PHONY: freqtrade
freqtrade: setup ## a bot of somebody else trades on the simulated exchange (four minutes; freqtrade goes to ~/.cache)
	$(BIN)/python bench/freqtrade_on_sim_exchange.py

.PHONY: bench-sim-exchange
bench-sim-exchange: setup ## order round trips per second through the simulated venue, beside a bare FastAPI echo
	$(BIN)/python -m bench.sim_exchange

.PHONY: soak
soak: setup ## ten bots in processes of their own share one Redis and PostgreSQL for half an hour: does anything grow?
	$(BIN)/python -m bench.soak

.PHONY: bench-backtest
bench-backtest: setup ## candles per second of the native backtest, beside a plain loop that trades the same cross
	$(BIN)/python -m bench.backtest

.PHONY: bench-compiled
bench-compiled: setup ## candles per second of the compiled engine, beside loops and other libraries that trade the same cross
	$(BIN)/python -m bench.compiled_backtest

.PHONY: bench-messages bench-stores bench-gateway bench-telemetry bench-memory
bench-messages: setup ## typed messages over Redis, beside redis-py by hand
	$(BIN)/python -m bench.messages
bench-stores: setup ## an order event's transaction and a block of candles on PostgreSQL, beside asyncpg by hand
	$(BIN)/python -m bench.stores
bench-gateway: setup ## requests that the gateway passes on, beside bare ASGI and aiohttp
	$(BIN)/python -m bench.gateway
bench-telemetry: setup ## requests that FastAPI answers with telemetry, beside those without
	$(BIN)/python -m bench.telemetry
bench-memory: setup ## memory of each process of a bot of profile Full (two minutes)
	$(BIN)/python -m bench.processes

.PHONY: bench-operator
bench-operator: setup tools ## the operator on a real control plane, beside a bare client that writes the same (nine minutes)
	$(BIN)/python bench/operator_reconcile.py

.PHONY: generate
generate: setup ## write the generated files again (CRD, message schemas, rendered samples, chart, install.yaml)
	$(BIN)/python -m tradewind.contracts.api.crd > manifests/crds/tradingbots.yaml
	$(BIN)/python -m tradewind.contracts.api.backtest_crd > manifests/crds/backtests.yaml
	$(BIN)/python -m tradewind.contracts.schemas > tests/contract/messages.json
	$(BIN)/python -m tests.contract.renders
	$(BIN)/python -m tests.charts

# --------------------------------------------------------------------------------------------------------- on a cluster

CONTEXT ?= kind-tradewind
HELM ?= helm
KUBECTL ?= kubectl
IMAGE ?= tradewind:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
ON := --namespace tradewind-system

.PHONY: dev up dev-kind
dev: ## the chart and a bot on a cluster of yours, with your code as you change it (tilt; PROFILE=minimal|standard|full)
	tilt up --context $(CONTEXT) -- --profile $(or $(PROFILE),standard) --context $(CONTEXT)
up: ## the chart and the first bot on the cluster of CONTEXT, whose nodes have the image; waits until it trades
	$(HELM) upgrade --install tradewind charts/tradewind $(ON) --create-namespace --kube-context $(CONTEXT) --wait --timeout 5m
	$(KUBECTL) --context $(CONTEXT) apply --server-side -f manifests/samples/paper.yaml
	$(KUBECTL) --context $(CONTEXT) wait --for=condition=Ready tradingbot/paper --timeout=180s
dev-kind: ## from nothing to a paper bot that trades: a cluster in Docker (kind), the image, the chart, the bot
	kind get clusters | grep -qx tradewind || kind create cluster --config kind.yaml --wait 120s
	docker build --tag $(IMAGE) .
	kind load docker-image --name tradewind $(IMAGE)
	@$(MAKE) --no-print-directory up CONTEXT=kind-tradewind

.PHONY: changelog
changelog: setup ## what the next release would say
	$(BIN)/towncrier build --draft --version next
