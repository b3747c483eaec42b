# make help lists the targets.

GO      ?= go
# All packages of all modules of the workspace (go.work).
PKG     ?= work
TESTENV  = $(GO) run ./internal/e2e/cmd/testenv

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Systems on which everything must compile and pass vet. On the last three, one processor type is enough.
PLATFORMS ?= linux/amd64 linux/arm64 linux/arm linux/386 darwin/arm64 windows/amd64 freebsd/amd64

# Versions of PostgreSQL for test-postgres.
VERSIONS ?= 14 16 17 18
# And what it tests.
TESTED   ?= ./internal/e2e/interop ./internal/outage ./postgres/...

# A test binary that hangs is killed, with a dump of its goroutines.
TIMEOUT  ?= 40m
# The flag -run for the variable RUN.
ONLY_RUN  = $(if $(RUN),-run '$(RUN)')
# The flags of the targets that run tests. vet is a target of its own: go test would repeat some of it for each kind of
# program, also on all dependencies.
FLAGS     = -vet=off -shuffle=on -timeout $(TIMEOUT) $(ONLY_RUN)

# The packages that programs import, and those below them. The tests of conformance are about its mutants. Its checks
# run in the tests of what they check.
LIBRARY   = ./bridge/... ./codec/... ./core/... ./dialect/... ./emitter/... \
	./internal/groupcommit/... ./internal/jsontext/... ./internal/msgpack/... ./internal/resp/... ./internal/wire/... \
	./metrics/otel/... ./metrics/prometheus/... \
	./nats/... ./postgres/... ./redis/... ./socketio/... ./storage/... ./transport/...

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
	@echo "The tests need PostgreSQL, PgBouncer, Redis, nginx, haproxy, Node.js and Chromium. make installs what is"
	@echo "missing, or lists the tests that it skips. BACKPLANE_TEST_POSTGRES=<url> makes them use a running server."

# As many packages are tested at the same time as there are processors. They keep all of them busy, and with more
# packages tests would only wait for each other.
PACKAGES ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

.PHONY: test
test: ## run all tests with the race detector, and list those that were skipped or failed
	$(TESTENV) -summary $(FAST) -- $(GO) test -json -race -p $(PACKAGES) $(FLAGS) $(PKG)

.PHONY: test-norace
# The race detector replaces some fast paths. With it, conformance runs one mutant of each check, and of codecs and
# dialects only what is concurrent.
test-norace: ## run the tests of core, socketio and conformance without the race detector
	$(TESTENV) -summary $(FAST) -- $(GO) test -json -p $(PACKAGES) $(FLAGS) ./conformance/... ./core/... ./socketio/...

.PHONY: test-32bit
# Sizes, positions and ages are numbers. The suites that are left out wait for the server, and have few numbers.
test-32bit: ## run the tests of the library's packages as 32-bit programs (on amd64)
	@if CGO_ENABLED=0 GOARCH=386 $(GO) run ./internal/e2e/cmd/testenv -h >/dev/null 2>&1; then \
		$(TESTENV) -summary $(FAST) -- env CGO_ENABLED=0 GOARCH=386 \
			$(GO) test -json -p $(PACKAGES) $(FLAGS) -skip '^TestSuites$$/^(Bus|Append|Cluster)$$' $(LIBRARY); \
	else echo "skipped: the 32-bit tests: this machine does not run programs for GOARCH=386"; fi

.PHONY: test-postgres
test-postgres: ## run the tests of the drivers, outages and interop on other versions of PostgreSQL (VERSIONS="14 18")
	@for version in $(VERSIONS); do \
		bin=$$(./scripts/postgres.sh $$version) || { [ $$? = 3 ] && continue; exit 1; }; \
		echo "== $$($$bin/postgres --version)"; \
		env -u BACKPLANE_TEST_POSTGRES BACKPLANE_TEST_PGBIN=$$bin $(TESTENV) -summary $(FAST) -- \
			$(GO) test -json -p $(PACKAGES) $(FLAGS) -skip '$(NOT_CORE)' $(TESTED) || exit 1; \
	done

# Tests that do not depend on the version of PostgreSQL: of interop, and the suites of the drivers whose SQL others run.
NOT_CORE_INTEROP = Bridge|Classic|EmittersAre|GoToGo|LeaveMessage|Killed|Mixed|Namespaces|NodeToNode|OddRooms
NOT_CORE_LEGACY = Legacy($$|BadInput|Emitter|Foreign|Gap|GoToGo|Hash|Interleaved|NodeToNode|Peers|Pieces|Sizes|Three
NOT_CORE = ^Test(Peer|Client$$|Interop($(NOT_CORE_INTEROP)|Options|Shape|Three|$(NOT_CORE_LEGACY)|Unsupported|Wire)))|$\
	^TestSuites$$/^(Bus|Append|Cluster)$$

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

.PHONY: compat
compat: ## run the same tests, and write the table of what passed into the docs
	$(TESTENV) $(FAST) -- $(GO) test -json ./internal/e2e/interop -run Interop -timeout $(TIMEOUT) | \
		$(GO) run ./internal/e2e/cmd/compat -docs docs/reference/compatibility.md -readme README.md

.PHONY: bench
bench: ## run the benchmarks
	$(TESTENV) -- $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -timeout 30m $(PKG)

.PHONY: bench-peers
bench-peers: ## compare with Node.js's adapters in one run (QUICK=1: fewer messages; ENGINE=redis or nats)
	$(TESTENV) -set max_connections=500 -- $(GO) run ./bench $(if $(ENGINE),-engine $(ENGINE)) \
		-out bench/results/$(if $(QUICK),quick-)$(or $(ENGINE),peers).json \
		$(if $(QUICK),-quick) $(if $(CASES),-cases $(CASES)) \
		$(if $(QUICK)$(CASES),,-docs docs/explanation/performance.md)

# The servers for which bench-log runs: the installed one, or those of VERSIONS if it was given.
BENCH_LOG_VERSIONS = $(if $(filter file default,$(origin VERSIONS)),installed,$(VERSIONS))

.PHONY: bench-log
bench-log: ## measure what a log costs and gives, in one run (QUICK=1; CASES=kept,deaf; VERSIONS="15 18")
	@for version in $(BENCH_LOG_VERSIONS); do \
		results=log; docs='$(if $(QUICK)$(CASES),,-docs docs/explanation/performance.md)'; \
		if [ $$version != installed ]; then \
			bin=$$(./scripts/postgres.sh $$version) || { [ $$? = 3 ] && continue; exit 1; }; \
			export BACKPLANE_TEST_PGBIN=$$bin; results=log-$$version; docs=; \
		fi; \
		env -u BACKPLANE_TEST_POSTGRES $(TESTENV) -set max_connections=500 -- $(GO) run ./bench -log \
			-out bench/results/$(if $(QUICK),quick-)$$results.json $$docs \
			$(if $(QUICK),-quick -rounds 1) $(if $(CASES),-cases $(CASES)) || exit 1; \
	done

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
# With LOG=1 the cluster has a log, and official clients: none of their events may be lost. ENGINE=redis: on Redis.
chaos: ## inject the faults of SEED into a cluster for CHAOS (2m; LOG=1: 10m; ENGINE=redis) and follow every message
	BACKPLANE_TEST_POSTGRES=unused $(TESTENV) -- $(GO) run ./internal/e2e/cmd/chaos $(if $(CHAOS),-for $(CHAOS)) \
		-seed $(or $(SEED),0) $(if $(LOG),-logged) $(if $(ENGINE),-engine $(ENGINE)) \
		$(if $(ONLY),-only '$(ONLY)') $(if $(RATE),-rate $(RATE)) \
		$(if $(SECRET),-secret $(SECRET)) $(if $(OUT),-out $(OUT))

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
# vet compiles what is imported and checks the types of the rest, tests too. build also links: one program will do.
# printf and lostcancel analyze all dependencies again for each system, and find the same on all: make vet runs them.
platforms: ## compile and vet for other systems and processors (PLATFORMS="linux/386 darwin/arm64")
	@for platform in $(PLATFORMS); do \
		echo "== $$platform"; \
		export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		$(GO) vet -printf=false -lostcancel=false work && $(GO) build -o /dev/null ./cmd/backplane || exit 1; \
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
modules: ## compile and vet each module alone, without the workspace; fail if its go.mod or go.sum is not tidy
	./scripts/modules.sh

.PHONY: setup
setup: ## install PostgreSQL, PgBouncer, nginx, haproxy, Chromium, Node.js and the Node.js packages, where missing
	./scripts/setup.sh

.PHONY: clean
clean: ## remove the files that the targets above create
	$(GO) clean work
	rm -rf bin coverage.out internal/e2e/interop/node/node_modules internal/pgtest/versions/*/node_modules
