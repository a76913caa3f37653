# The few commands. `make test` is what CI runs, and nothing else is.
.DEFAULT_GOAL := help
SHELL := bash
OS ?= 12
BIN := .venv/bin

.PHONY: help setup demo demo-clean test images lint sanity unit newsroom molecule life load projects catalogue docs format bench

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Make .venv: everything pinned by hash
	@tools/setup

demo: setup ## Provision newsroom on a local container, prove it, say where to look (OS=13 for Debian 13, PORT=8443)
	@tools/engine
	@$(BIN)/python tools/demo up --release $(OS) $(if $(PORT),--port $(PORT))

demo-clean: ## Remove the demo's containers, inventory and reports
	@tools/demo clean

test: setup ## Everything CI runs, each stage with its budget
	@$(BIN)/python tools/test

images: setup ## Make the base images that tests and demo start from
	@tools/engine
	@tools/base-image 12
	@tools/base-image 13

lint: setup ## ansible-lint, yamllint, ruff, mypy, and everything generated against its source
	@$(BIN)/python tools/test lint

sanity: setup ## ansible-test sanity on the unpacked tarball
	@$(BIN)/python tools/test sanity

unit: setup ## Unit tests of all pure code
	@$(BIN)/python tools/test unit

newsroom: setup ## The sample project's own tests
	@$(BIN)/python tools/test newsroom

molecule: setup ## Both releases: check mode, converge, idempotence, verify, oracle
	@$(BIN)/python tools/test images molecule aftermath sabotage

life: setup ## A server that has a life of its own, on ansible-core 2.21
	@$(BIN)/python tools/test images core-2.21 life adoption removal

load: setup ## Nothing an operator does loses a request (RELEASE=12 for Debian 12)
	@$(BIN)/python tools/test images load

projects: setup ## Projects that are not ours: one that wagtail makes, one from the package index
	@$(BIN)/python tools/test images projects refusals sources

catalogue: setup ## Build checklist/catalogue.json from its YAML
	@$(BIN)/python tools/catalogue

docs: setup ## Write the option tables of the roles and of docs/inventory.md
	@$(BIN)/python tools/docs

format: setup ## Format the Python code
	@$(BIN)/ruff format plugins tests tools/catalogue tools/docs tools/test tools/demo

bench: setup ## Ratios against limits measured in the same run (not part of CI)
	@tools/engine
	@$(BIN)/python benchmarks/run
	@$(BIN)/python benchmarks/throughput
