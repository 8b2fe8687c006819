.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help build demo run test fuzz check bench vendor golden clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the program, into bin/viche
	@. scripts/lib.sh; need go "Go 1.26 or newer"
	CGO_ENABLED=0 go build -trimpath -o bin/viche ./cmd/viche

demo: build ## three cities and the coordinator in one process, on http://kamianske.localhost:8420
	./bin/viche demo

run: build ## one empty city on SQLite, on http://localhost:8420
	./bin/viche serve

test: ## everything that CI runs: both databases, servers of another make, a browser
	@scripts/test.sh

fuzz: ## made-up input for all that reads what strangers send, FUZZTIME (1m) each
	@scripts/fuzz.sh

check: ## format, vet, lint, imports, vendored files, container files
	@scripts/check.sh

bench: ## the benchmarks on both databases: prints a table and writes bench.json
	@scripts/bench.sh

vendor: ## fetches the files of others anew into web/static/vendor
	@. scripts/lib.sh; need node "Node.js 20 or newer"; need npm "npm, which comes with Node.js"
	node web/vendor.mjs

golden: ## writes the expected files of tests anew, to be reviewed
	@scripts/golden.sh

clean: ## deletes what the other targets made here; no data
	rm -rf bin bench.json test/*/node_modules test/browser/pictures
