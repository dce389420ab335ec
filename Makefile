# Everything that is done to this repository by command. "make help" lists it.

SHELL      := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
BIN     := bin/hydra
DATA    ?= .data
VERSION := $(shell git describe --tags --dirty 2>/dev/null || echo dev-master)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The commit's time and not the clock's, so that the same source gives the same program.
DATE    := $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
# Where goroutines meet; the race detector is slow, so it runs on these.
RACE    := ./internal/client/... ./internal/flow/... ./internal/key/... ./internal/loadtest/... ./internal/secret/... ./internal/server/... ./internal/sqlstore/... ./internal/token/... ./internal/web/...
FUZZTIME ?= 10s
BENCH_FLAGS ?=
SCALE_FLAGS ?=

.PHONY: help dev build example test test-engines judges check fmt vet race unit tools fuzz bench microbench docs verify lint vuln clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

dev: build ## Build and start a server with built-in sign-in pages; data in .data/.
	@exec $(BIN) serve all --dev --data-dir $(DATA)

build: ## Build one static program, bin/hydra.
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/hydra

example: build ## Run the example login app and a server that uses it.
	@examples/login-app/run $(BIN)

test: tools check ## Install what the tests need, then run them all; works offline afterwards.

test-engines: ## Run the tests of the whole program on PostgreSQL, then on MariaDB.
	TEST_ENGINE=PostgreSQL $(GO) test -timeout 15m ./internal/server
	TEST_ENGINE=MariaDB $(GO) test -timeout 15m ./internal/server

check: fmt vet race example-test bench-test judges test-engines galera-contract unit ## Run all checks and tests; nothing is installed.

fmt:
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "not formatted (run gofmt -w):"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet ./...

race: ## Run the tests of packages with concurrency under the race detector.
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $(RACE)

.PHONY: example-test
example-test:
	cd examples/login-app && $(GO) vet ./... && $(GO) test ./...

.PHONY: bench-test
bench-test:
	cd bench && $(GO) vet ./... && $(GO) test -timeout 15m ./...

# Not from the cache: Go does not see that these tests build the program.
judges: ## Let published clients of three API generations judge the program.
	cd judges && $(GO) vet ./... && $(GO) test -count=1 ./...

# Last, so that the output ends with its lines. Seeds of the fuzz targets are part
# of it. internal/server has run three times by then: with the race detector on
# SQLite, and without it on both engines. Only its counts of allocations have not:
# they want neither.
unit:
	$(GO) test -run '^TestAllocationBudgetsOfRequests$$' ./internal/server
	$(GO) test -timeout 15m $$($(GO) list ./... | grep -v '/internal/server$$')

# The race detector links C; the tests of the pages drive a real browser; the
# quickstart page's commands are run as they stand; the store is tested on real
# database servers, which the tests start themselves; published clients for
# Node.js judge the API, and Apache with mod_auth_openidc signs in.
tools:
	@missing=(); \
	command -v gcc >/dev/null || missing+=(gcc libc6-dev); \
	command -v curl >/dev/null || missing+=(curl); \
	command -v chromium >/dev/null || missing+=(chromium); \
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql); \
	test -x /usr/sbin/mariadbd || missing+=(mariadb-server); \
	test -f /usr/lib/galera/libgalera_smm.so && command -v rsync >/dev/null || missing+=(galera-4 rsync); \
	test -x /usr/sbin/pgbouncer || missing+=(pgbouncer); \
	test -f /usr/lib/apache2/modules/mod_auth_openidc.so || missing+=(apache2-bin libapache2-mod-auth-openidc); \
	command -v node >/dev/null || missing+=(nodejs); \
	command -v npm >/dev/null || missing+=(npm); \
	if [ $${#missing[@]} -gt 0 ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
		echo "installing $${missing[*]}"; \
		export DEBIAN_FRONTEND=noninteractive; \
		$$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends "$${missing[@]}" </dev/null >/dev/null \
			|| { echo "could not install $${missing[*]}: please install them, then run make check"; exit 1; }; \
	fi
	@$(GO) mod download
	@cd examples/login-app && $(GO) mod download
	@cd judges && $(GO) mod download
	@cd judges && { cmp -s package-lock.json node_modules/.installed || { npm ci --silent && cp package-lock.json node_modules/.installed; }; }

.PHONY: million test-distributed test-nodes test-galera
million: ## Purge a year of one million Grants on PostgreSQL and print what it costs (some minutes).
	YEAR_GRANTS=1000000 $(GO) test -count=1 -timeout 30m -run 'TestYearOfTraffic/PostgreSQL' -v ./internal/sqlstore

FLOWS ?= 10000
# A small run of the same is part of check.
test-nodes: ## Run FLOWS (10000) mixed flows through three nodes on each database server, while nodes and the server are killed.
	NODES_FLOWS=$(FLOWS) $(GO) test -count=1 -timeout 120m -parallel 1 -run '^TestNodes' -v ./cmd/hydra

.PHONY: galera-contract
galera-contract:
	$(GO) test -timeout 15m -tags galera -run '^TestContractOnGalera$$' ./internal/sqlstore

test-galera: galera-contract ## Run the store's contract and FLOWS flows (500) on a Galera cluster of three, of which one is killed (some minutes).
	NODES_FLOWS=$(if $(filter file,$(origin FLOWS)),500,$(FLOWS)) $(GO) test -count=1 -timeout 120m -tags galera -run '^TestNodesOnGalera$$' -v ./cmd/hydra

# TEST_DSN_COCKROACH, TEST_DSN_YUGABYTE and TEST_DSN_TIDB name empty databases, whose tables the tests fill and empty.
test-distributed: ## Run the store's contract on the databases that TEST_DSN_COCKROACH, _YUGABYTE and _TIDB name.
	@test -n "$${TEST_DSN_COCKROACH:-}$${TEST_DSN_YUGABYTE:-}$${TEST_DSN_TIDB:-}" || { echo "set TEST_DSN_COCKROACH, TEST_DSN_YUGABYTE or TEST_DSN_TIDB to the DSN of an empty database"; exit 1; }
	$(GO) test -count=1 -timeout 60m -parallel 1 -tags distributed -run TestContractOnForeignServers -v ./internal/sqlstore

fuzz: ## Fuzz every parser for FUZZTIME (10s) each.
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "== $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

# BENCH_FLAGS='-d 10s -save bench/results -doc docs/performance.md' keeps the result; -h lists the flags.
bench: build ## Measure the server under load and print tables (BENCH_FLAGS; about ten minutes).
	@cd bench && CGO_ENABLED=0 $(GO) build -trimpath -o ../bin/bench .
	@bin/bench -hydra $(BIN) $(BENCH_FLAGS)

# SCALE_FLAGS='-d 2s -grants 1000000 -clients 100000 -memory 2m' is a smaller run.
.PHONY: scale
scale: build ## Measure curves over connections, clients, Grants, time and nodes (SCALE_FLAGS; about an hour).
	@cd bench && CGO_ENABLED=0 $(GO) build -trimpath -o ../bin/bench .
	@bin/bench -hydra $(BIN) -scale $(SCALE_FLAGS)

microbench: ## Run the Go benchmarks of single packages.
	$(GO) test -run '^$$' -bench . -benchmem ./...

docs: ## Write docs/configuration.md, docs/cli.md and docs/man from the program.
	$(GO) run ./cmd/hydra config docs > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md
	$(GO) run ./cmd/hydra docs cli > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md
	rm -rf docs/man
	$(GO) run ./cmd/hydra docs man docs/man

verify: docs ## Fail if a generated file is not what is committed.
	git diff --exit-code docs/configuration.md docs/cli.md docs/man

lint: vet ## Run staticcheck (downloads it).
	$(GO) run honnef.co/go/tools/cmd/staticcheck@latest ./...

vuln: ## Look for known vulnerabilities (downloads govulncheck and its data).
	$(GO) run golang.org/x/vuln/cmd/govulncheck@latest ./...

clean: ## Remove what was built. Keeps .data/.
	rm -rf bin
