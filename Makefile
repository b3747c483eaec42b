# make help lists the targets.

GO      ?= go
# All packages of all modules of the workspace (go.work).
PKG     ?= work
TESTENV  = $(GO) run ./internal/e2e/cmd/testenv

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Systems on which everything must build and pass vet. On the last three, one processor type is enough.
PLATFORMS ?= linux/amd64 linux/arm64 linux/arm linux/386 darwin/arm64 windows/amd64 freebsd/amd64

# Versions of PostgreSQL for test-postgres.
VERSIONS ?= 14 16 17 18

# A test binary that hangs is killed, with a dump of its goroutines.
TIMEOUT  ?= 40m
# The flag -run for the variable RUN.
ONLY_RUN  = $(if $(RUN),-run '$(RUN)')

# The packages that programs import, and those below them.
LIBRARY   = ./codec/... ./conformance/... ./core/... ./emitter/... ./internal/groupcommit/... ./internal/wire/... \
	./postgres/... ./socketio/... ./storage/... ./transport/...

BENCH    ?= .
BENCHTIME ?= 1s
FUZZTIME ?= 10s

# Settings of the temporary server for tests. It does not wait for the disk. PostgreSQL's default of 100 connections is
# not enough for all packages that are tested at the same time. The server for benchmarks has PostgreSQL's defaults.
FAST = -set fsync=off -set max_connections=500

.DEFAULT_GOAL := help
.PHONY: help
help: ## show this list
	@echo "Targets (variables: PKG=$(PKG) RUN= BENCH=$(BENCH) BENCHTIME=$(BENCHTIME) FUZZTIME=$(FUZZTIME)):"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "The tests need PostgreSQL, PgBouncer, nginx, haproxy, Node.js and Chromium. make installs what is missing,"
	@echo "or lists the tests that it skips. BACKPLANE_TEST_POSTGRES=<url> makes the tests use a running server."

.PHONY: test
test: ## run all tests with the race detector, and list those that were skipped or failed
	$(TESTENV) -summary $(FAST) -- $(GO) test -json -race -shuffle=on -timeout $(TIMEOUT) $(ONLY_RUN) $(PKG)

.PHONY: test-norace
# The race detector replaces some fast paths, and the tests of conformance leave out most mutants with it.
test-norace: ## run the tests of core, socketio and conformance without the race detector
	$(TESTENV) -summary $(FAST) -- $(GO) test -json -shuffle=on -timeout $(TIMEOUT) $(ONLY_RUN) \
		-skip '^TestPostgres(Bus|Store|Cluster)$$' ./conformance/... ./core/... ./socketio/...

.PHONY: test-32bit
test-32bit: ## run the tests of the library's packages as 32-bit programs (on amd64)
	@if CGO_ENABLED=0 GOARCH=386 $(GO) run ./internal/e2e/cmd/testenv -h >/dev/null 2>&1; then \
		$(TESTENV) -summary $(FAST) -- env CGO_ENABLED=0 GOARCH=386 \
			$(GO) test -json -shuffle=on -timeout $(TIMEOUT) $(ONLY_RUN) $(LIBRARY); \
	else echo "skipped: the 32-bit tests: this machine does not run programs for GOARCH=386"; fi

.PHONY: test-postgres
test-postgres: ## run the tests of the drivers, outages and interop on other versions of PostgreSQL (VERSIONS="14 18")
	@for version in $(VERSIONS); do \
		bin=$$(./scripts/postgres.sh $$version) || { [ $$? = 3 ] && continue; exit 1; }; \
		echo "== $$($$bin/postgres --version)"; \
		env -u BACKPLANE_TEST_POSTGRES BACKPLANE_TEST_PGBIN=$$bin $(TESTENV) -summary $(FAST) -- \
			$(GO) test -json -p 3 -shuffle=on -timeout $(TIMEOUT) $(ONLY_RUN) -skip '$(NOT_CORE)' \
				./internal/e2e/interop ./internal/outage ./postgres/... || exit 1; \
	done

# Tests of interop that do not depend on the version of PostgreSQL. The tests of the three packages mostly wait,
# so they run at the same time (-p 3).
NOT_CORE_INTEROP = Classic|EmittersAre|GoToGo|LeaveMessage|Killed|Mixed|Namespaces|NodeToNode|Options|Shape|Three
NOT_CORE = ^Test(Peer|Client$$|Interop($(NOT_CORE_INTEROP)))

.PHONY: flakes
# Shuffled, with and without -race, on one processor and on all, with a load on the machine. FOR=10m limits the time.
flakes: ## run the tests of each package RUNS times (300; below internal INTERNAL=30)
	$(TESTENV) $(FAST) -- $(GO) run ./internal/e2e/cmd/flakes -runs $(or $(RUNS),300) -internal $(or $(INTERNAL),30) \
		$(if $(FOR),-for $(FOR)) $(ONLY_RUN) $(PKG)

.PHONY: prove
# With and without -race, on 1, 2 and 8 processors, with a load on the machine. FOR=10m limits the time.
prove: ## run each check of conformance and its mutants RUNS times (1000; RUN=OrderIsKept or RUN=TestBusSuite)
	$(GO) run ./internal/e2e/cmd/flakes -suites -runs $(or $(RUNS),1000) $(if $(FOR),-for $(FOR)) $(ONLY_RUN) \
		./conformance

.PHONY: interop
interop: ## run the tests against the Node.js packages, with all output
	$(TESTENV) $(FAST) -- $(GO) test ./internal/e2e/interop/... -run Interop -v -timeout $(TIMEOUT)

.PHONY: bench
bench: ## run the benchmarks
	$(TESTENV) -- $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -timeout 30m $(PKG)

.PHONY: bench-peers
bench-peers: ## compare with Node.js's adapter and the bare limit in one run (QUICK=1: fewer messages)
	$(TESTENV) -set max_connections=500 -- $(GO) run ./bench -out bench/results/$(if $(QUICK),quick-peers,peers).json \
		$(if $(QUICK),-quick) $(if $(CASES),-cases $(CASES)) \
		$(if $(QUICK)$(CASES),,-docs docs/explanation/performance.md)

.PHONY: bench-server
bench-server: ## compare the Socket.IO server with Node.js's, in one run (QUICK=1: one short round; CASES=fanout,ack)
	$(TESTENV) -- $(GO) run ./bench/server -out bench/results/$(if $(QUICK),quick-server,server).json \
		$(if $(QUICK),-quick) $(if $(CASES),-cases $(CASES)) \
		$(if $(QUICK)$(CASES),,-docs docs/explanation/server-performance.md)

.PHONY: attack
attack: ## attack a server and a cluster, and print the costs for all sides (ATTACK=regexp: only these attacks)
	$(TESTENV) -setup=false $(FAST) -- $(GO) run ./bench/attack $(if $(ATTACK),-run '$(ATTACK)')

.PHONY: soak
soak: ## send 50 000 messages per second for SOAK (5m) and watch the heap
	$(TESTENV) -setup=false -- $(GO) run ./bench -soak $(or $(SOAK),5m)

.PHONY: chaos
chaos: ## inject the faults of SEED into a cluster for CHAOS (2m) and follow every message
	BACKPLANE_TEST_POSTGRES=unused $(TESTENV) -- $(GO) run ./internal/e2e/cmd/chaos -for $(or $(CHAOS),2m) \
		-seed $(or $(SEED),0) $(if $(ONLY),-only '$(ONLY)') $(if $(SECRET),-secret $(SECRET)) $(if $(LOG),-log $(LOG))

.PHONY: footprint
footprint: ## print how much memory an idle namespace, a pending request and a socket use
	$(GO) run ./bench -memory

.PHONY: picture
picture: ## take the screenshot of the demo for the README (needs the ports 3000 to 3002)
	$(TESTENV) $(FAST) -- $(GO) test ./internal/e2e/browser -run '^TestPicture$$' -count 1 \
		-picture $(CURDIR)/docs/images/demo.png

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (TARGET=FuzzX: only targets that match)
	$(TESTENV) $(FAST) -- $(MAKE) --no-print-directory fuzz-each

.PHONY: fuzz-each
fuzz-each:
	@for pkg in $$($(GO) list $(PKG)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' | grep '$(TARGET)'); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

.PHONY: check
check: vet staticcheck fmt-check modules ## run all checks that are not tests

.PHONY: vet
vet: ## run go vet
	$(GO) vet work

.PHONY: platforms
platforms: ## build and vet for other systems and processors (PLATFORMS="linux/386 darwin/arm64")
	@for platform in $(PLATFORMS); do \
		echo "== $$platform"; \
		export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		$(GO) build work && $(GO) vet work || exit 1; \
	done

.PHONY: vuln
vuln: ## look for known vulnerabilities in the dependencies (govulncheck; uses vuln.go.dev)
	$(GO) run $(GOVULNCHECK) work

.PHONY: staticcheck
staticcheck: ## run staticcheck
	$(GO) run $(STATICCHECK) work

.PHONY: fmt-check
fmt-check: ## fail if a file is not formatted by gofmt
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted:" $$unformatted; exit 1; fi

.PHONY: modules
modules: ## build and vet each module alone, without the workspace; fail if its go.mod or go.sum is not tidy
	./scripts/modules.sh

.PHONY: setup
setup: ## install PostgreSQL, PgBouncer, nginx, haproxy, Chromium, Node.js and the Node.js packages, where missing
	./scripts/setup.sh

.PHONY: clean
clean: ## remove the files that the targets above create
	$(GO) clean work
	rm -rf bin coverage.out internal/e2e/interop/node/node_modules internal/pgtest/versions/*/node_modules
