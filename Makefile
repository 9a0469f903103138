# `make help` lists the targets. `make test` needs Go, git and make; the others say what they need.

GO      ?= go
OUT     ?= bin/remit
SERVER  ?= bin/remit-server
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# The commit of a release, which `remit init` pins its gate to; other builds name none.
COMMIT  ?= $(shell git describe --tags --exact-match HEAD >/dev/null 2>&1 && git rev-parse HEAD)

# The same source, Go and VERSION give the same bytes: no paths, no time, no state of the checkout.
BUILD := -trimpath -buildvcs=false -ldflags "-s -w -X github.com/remit-sh/remit/internal/cli.version=$(VERSION) -X github.com/remit-sh/remit/internal/cli.commit=$(COMMIT) -X github.com/remit-sh/remit/internal/server.version=$(VERSION)"

# Nested modules keep what only their tests need out of go.mod. Those of LARGE_MODULES download
# a lot (test vectors: 109 MB), so `make test` leaves them to `make vectors`.
MODULES       := $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path '*/testdata/*' | LC_ALL=C sort))
LARGE_MODULES := signing/vectors
# These build or start much: the action against a double of GitHub and in whole workflows, MariaDB with an S3 server, a
# browser, and slsa-verifier, to read
# deploy statements: make e2e.
E2E_MODULES   := internal/actiontest internal/awstest internal/browsertest internal/e2e internal/slsatest
SMALL_MODULES := $(filter-out $(LARGE_MODULES) $(E2E_MODULES),$(MODULES))

GOLANGCI := 2.15.0
ACT      := 0.2.89

TESTFLAGS ?= -timeout=25m
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
SOAKTIME  ?= 1h
# What does several things at once, or is used by several at once, and what drives all of it: the
# invariants run whole commands, so that the command line's tests, which start programs, add nothing.
RACE      ?= ./checker ./gitrepo ./internal/invariant ./signing/keystore ./workflow
BASE      ?= origin/main

.DEFAULT_GOAL := help
.PHONY: help demo test vectors e2e race fuzz soak soak-audit bench bench-compare lint fmt build build-remit build-server install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile

demo: ## the whole story on throw-away repositories
	$(GO) run ./cmd/remit demo

test: ## every test that needs no large download
	.ci/in-memory $(GO) test $(TESTFLAGS) ./...
	@set -e; for m in $(SMALL_MODULES); do echo "cd $$m && $(GO) test ./..."; (cd $$m && "$(CURDIR)/.ci/in-memory" $(GO) test $(TESTFLAGS) ./...); done

vectors: ## the test vectors of others (downloads 109 MB once)
	@set -e; for m in $(LARGE_MODULES); do echo "cd $$m && $(GO) test ./..."; (cd $$m && $(GO) test $(TESTFLAGS) ./...); done

e2e: ## the action against a double of GitHub and in workflows, statements by slsa-verifier (builds act and that once, 3 minutes)
	.ci/act install $(ACT)
	@ACT=$$(.ci/act find $(ACT)); export ACT; \
	  printf '%s\n' $(E2E_MODULES) | xargs -P 2 -I{} sh -c 'echo "cd {} && $(GO) test ./..."; cd {} && $(GO) test $(TESTFLAGS) ./...'

race: ## the parallel packages (RACE) under the race detector, without random cases (needs a C compiler)
	.ci/in-memory $(GO) test -race -short $(TESTFLAGS) $(RACE)

fuzz: ## every fuzz target for FUZZTIME (10s) each
	GO="$(GO)" .ci/fuzz $(FUZZTIME)

soak: soak-audit ## that, and every property with fresh seeds for SOAKTIME (1h) each
	GO="$(GO)" .ci/soak $(SOAKTIME)

soak-audit: ## the audit log under load, killed, without power, and long (8 minutes; docs/reliability.md)
	GO="$(GO)" .ci/in-memory .ci/soak-audit

bench: ## every benchmark, BENCHTIME (1s) each
	$(GO) test -run='^$$' -bench=. -benchmem -benchtime=$(BENCHTIME) -timeout=20m ./...

bench-compare: ## the short benchmarks on BASE (origin/main) and here, compared by benchstat (4 minutes)
	GO="$(GO)" .ci/bench $(BASE)

lint: ## format, linters, layout, waivers, dependencies (builds golangci-lint once, 2 minutes)
	@set -e; for m in . $(MODULES); do (set -x; cd $$m && $(GO) mod verify); done
	.ci/check-dependencies
	.ci/check-waivers
	.ci/golangci install $(GOLANGCI)
	@set -e; linter=$$(.ci/golangci find $(GOLANGCI)); \
	  for m in . $(MODULES); do (set -x; cd $$m && "$$linter" run --config "$(CURDIR)/.golangci.yml" ./...); done

fmt: ## gofumpt everything
	.ci/golangci install $(GOLANGCI)
	@set -e; linter=$$(.ci/golangci find $(GOLANGCI)); \
	  for m in . $(MODULES); do (cd $$m && "$$linter" fmt --config "$(CURDIR)/.golangci.yml" ./...); done

build: build-remit build-server ## static, reproducible bin/remit and bin/remit-server

build-remit: ## the first alone
	CGO_ENABLED=0 $(GO) build $(BUILD) -o $(OUT) ./cmd/remit

build-server: ## the second alone
	CGO_ENABLED=0 $(GO) build $(BUILD) -o $(SERVER) ./cmd/remit-server

install: ## remit into Go's bin folder
	CGO_ENABLED=0 $(GO) install $(BUILD) ./cmd/remit

clean: ## what these targets made
	rm -rf bin dist
