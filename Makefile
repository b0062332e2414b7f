# Every target first installs and prepares what it needs. `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

FUZZ_SECONDS ?= 20
CALLS ?= 100000
CORPUS := build/log-corpus

.PHONY: help run test build check conformance e2e attacks keycloak keycloak-test fuzz bench soak asan \
  tsan format clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/^([a-z0-9-]+):.*## /\1|/' | \
	  while IFS='|' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

run: build ## Build, serve on 127.0.0.1:8080, show one real call; Ctrl-C ends it
	@exec build/bin/mcpgate up

test: .all .environments ## Every test that needs no container, cluster or Keycloak
	@build/venv/bin/python dev/run_tests.py

build: .configured $(CORPUS).made ## The executables and the log corpus, in build/
	@ninja -C build mcpgate mcpgate-sandbox mcpgate-zygote mcpgate-broker

check: .configured ## Format, lint, layer rule, documentation
	@dev/setup.sh build test
	@dev/setup-python.sh
	@build/venv/bin/python dev/check.py

conformance: build ## The official suite of MCP, at each revision; not part of `make test` yet
	@dev/setup.sh build test
	@dev/setup-python.sh
	@dev/setup-node.sh clients conformance
	@build/venv/bin/python tests/conformance/run.py; one=$$?; \
	 build/venv/bin/python tests/conformance/run.py --replicas 3 && exit $$one

e2e: .all .environments ## The end-to-end tests alone
	@build/venv/bin/python dev/run_tests.py e2e

attacks: build .containers ## The attacks on the sandbox alone, each in every set-up, with its control
	@dev/setup.sh build test
	@dev/setup-python.sh
	@build/venv/bin/python dev/run_tests.py attacks

keycloak: build ## A real Keycloak with the project's realm and some users; Ctrl-C ends it
	@dev/setup.sh build test
	@dev/setup-keycloak.sh
	@dev/setup-python.sh
	@PYTHONPATH=tests/keycloak:tests/e2e exec build/venv/bin/python tests/keycloak/serve.py

keycloak-test: build ## Access tokens of a real Keycloak, which it fetches
	@dev/setup.sh build test browser
	@dev/setup-keycloak.sh
	@dev/setup-python.sh
	@build/venv/bin/python dev/run_tests.py keycloak

fuzz: ## Fuzz each parser for FUZZ_SECONDS (20) from its committed corpus
	@dev/setup.sh build test
	@cmake --preset fuzz >/dev/null
	@ninja -C build/fuzz
	@dev/run_fuzz.sh $(FUZZ_SECONDS)

bench: build ## Measure against nginx and bwrap; the ratios of docs/benchmarks.md
	@dev/setup.sh build bench
	@cmake --preset release >/dev/null
	@ninja -C build decision_bench authentication_bench sandbox_bench
	@/usr/bin/python3 tests/bench/bench.py

soak: build ## CALLS (100000) calls, and that no process grows over them
	@dev/setup.sh build test
	@dev/setup-python.sh
	@build/venv/bin/python tests/soak/soak.py $(CALLS)

asan: ## Unit tests and corpora under AddressSanitizer and UBSan
	@$(MAKE) .sanitized PRESET=asan

tsan: ## Unit tests and corpora under ThreadSanitizer
	@$(MAKE) .sanitized PRESET=tsan

format: ## Rewrite the C++ sources as .clang-format wants them
	@dev/setup.sh test
	@git ls-files -z '*.h' '*.cc' | xargs -0 clang-format-19 -i

clean: ## Remove build/; what ./var holds (keys, audit) stays
	@rm -rf build

# What the targets above share.
.PHONY: .configured .all .environments .containers .sanitized

.configured:
	@dev/setup.sh build
	@cmake --preset release >/dev/null

.all: .configured $(CORPUS).made
	@dev/setup.sh build test
	@ninja -C build

.environments: .containers
	@dev/setup.sh build test
	@dev/setup-python.sh
	@dev/setup-node.sh clients servers
	@PATH="$$PWD/build/venv/bin:$$PATH" tests/schema/fetch.sh >/dev/null

.containers:
	@dev/setup.sh container || echo "Without runc: the attacks' container set-up will be skipped"

.sanitized:
	@dev/setup.sh build test
	@dev/setup-python.sh
	@cmake --preset $(PRESET) >/dev/null
	@ninja -C build/$(PRESET)
	@build/venv/bin/python dev/run_tests.py --build build/$(PRESET) unit fuzz

$(CORPUS).made: dev/make_log_corpus.py
	@echo "Making the log corpus in $(CORPUS) …"
	@/usr/bin/python3 dev/make_log_corpus.py $(CORPUS)
	@touch $@
