# Thin shims over `dlr`: make TARGET ARGS='--its options'. `make` alone lists them.
SHELL := bash
.DEFAULT_GOAL := help

VENV := .venv
DLR := $(VENV)/bin/dlr
INSTALLED := $(VENV)/.installed
CHECKS := $(VENV)/.checks
ARGS :=
# Much of the testing is waiting for clusters; three at once make two processors so slow that limits are passed.
SIDE_BY_SIDE := --numprocesses 2

# --- the environment

deploy-kind: $(INSTALLED) ## A kind cluster with a registry in it, from nothing but this checkout
	@bootstrap/up
	@$(DLR) $@ $(ARGS)

destroy-kind: ## Delete that cluster
status: ## All services in the cluster, the registry among them
deploy-prod: ## The project's environment in production

# --- the registry

deploy-registry: ## Deploy the registry to a cluster that is there already
clean-registry: ## Remove what deploy-registry deployed
registry-status: ## The registry's health, storage and use
test-registry: ## Push, pull and delete an image, to see that the registry works

# --- its images

build-and-push: ## Build an image and push it to the registry
pull-from-registry: ## Pull an image from the registry
list-registry-images: ## The images in the registry

SHIMS := destroy-kind status deploy-prod deploy-registry clean-registry registry-status test-registry \
         build-and-push pull-from-registry list-registry-images
$(SHIMS): $(INSTALLED)
	@$(DLR) $@ $(ARGS)

# --- the project

install: $(CHECKS) ## Make .venv, with dlr and what checks the project in it

$(INSTALLED): pyproject.toml constraints.txt
	@bootstrap/venv

$(CHECKS): pyproject.toml constraints.txt
	@bootstrap/venv --checks

# Where nothing is to be written beside the sources, each of the hundreds of `dlr` that the tests start compiles them.
test: $(CHECKS) ## Everything that checks the project
	bootstrap/up --tests
	@$(MAKE) --no-print-directory lint
	PYTHONDONTWRITEBYTECODE= DLR_TEST_REGISTRY="$${DLR_TEST_REGISTRY:-$$(bootstrap/lib/call program_path registry)}" $(VENV)/bin/pytest $(SIDE_BY_SIDE) $(ARGS)

SHELL_SCRIPTS := bootstrap/up bootstrap/venv bootstrap/pack bootstrap/constraints bootstrap/python bootstrap/lib/call bootstrap/node/entrypoint \
                 bootstrap/node/import-images bootstrap/node/runc-bounded tests/images/postgres/entrypoint .ci/run \
                 benchmarks/shell/kind-guide benchmarks/shell/kind-and-kubectl

# Ruff's cache holds what it said of a file, also where a new module beside it has changed which imports are ours.
lint: $(CHECKS) ## The checks that run nothing: style, types, layers, shell scripts
	$(VENV)/bin/ruff check --no-cache
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@if command -v shellcheck > /dev/null; then echo shellcheck; shellcheck --check-sourced $(SHELL_SCRIPTS); \
	else echo 'shellcheck is not there: the shell scripts were not checked'; fi

docs: $(CHECKS) ## Write the generated pages of docs/ anew
	$(VENV)/bin/python scripts/docs.py

bench: $(CHECKS) ## Measure against the peers, and write docs/benchmarks.md (an hour on a quiet machine)
	@$(VENV)/bin/python -c 'import matplotlib' 2> /dev/null || \
	  $(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --group bench
	$(VENV)/bin/python -m benchmarks $(ARGS)

reliability: $(CHECKS) ## Break things many times, and write docs/reliability.md (an hour; it goes on where it was)
	$(VENV)/bin/python -m scripts.reliability $(ARGS)

clean: ## Remove .venv, caches and what builds left; no cluster, image or engine
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} + 2> /dev/null || true

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: deploy-kind $(SHIMS) install test lint docs bench reliability clean help
