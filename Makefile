# SPDX-License-Identifier: GPL-3.0-or-later
# Every target does its own set-up and is cheap the second time. `make help` lists them.
PYTHON ?= python3
SHELL := /bin/bash
.DEFAULT_GOAL := help
# make splits paths at spaces, so everything below is relative; only the environment carries the clone's whole path.
PYTAG := $(shell $(PYTHON) -c 'import sys; print("py%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(PYTAG),)
$(error $(PYTHON) does not run here: install Python 3.11 or newer, or name one with PYTHON=...)
endif
VENV := .venv/$(PYTAG)
BIN := $(VENV)/bin
TREE := .cache/collections/ansible_collections/evenkeel/release
IN_TREE := cd $(TREE) &&
export PATH := $(CURDIR)/$(BIN):$(PATH):/usr/sbin:/sbin
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export PYTHONPATH := $(CURDIR)/.cache/collections
export LC_ALL := C.UTF-8
WORKERS ?= 2
TESTS ?=

.PHONY: help demo demo-down test test-containers lint lint-python lint-rules lint-yaml format sanity unit integration kills package-test bench docs clean venv venv-dev link

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 18

demo: venv ## one release travels through three environments, on this machine
	demo/run
demo-down: ## stop what the demo started, and nothing else
	demo/run down

test: ## everything that needs no root: lint, sanity, unit, integration, package-test
	$(MAKE) lint
	$(MAKE) sanity
	$(MAKE) unit
	$(MAKE) integration
	$(MAKE) package-test
	@echo "all passed: lint, sanity, unit, integration, package-test ($(PYTAG))"

test-containers: venv-dev ## deploy to systemd containers over ssh (needs root)
	tests/lab/run

lint: lint-python lint-rules lint-yaml ## style, types, documentation, import arrows, licences
	ansible-lint --offline -q
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .
lint-python: venv-dev
	ruff check .
	ruff format --check .
	cd .cache/collections && mypy --config-file ../../pyproject.toml --cache-dir ../mypy/$(PYTAG) \
	  $(addprefix ansible_collections/evenkeel/release/plugins/,plugin_utils module_utils)
lint-rules: venv-dev
	$(IN_TREE) lint-imports --no-logo --config .importlinter --cache-dir .cache/importlinter
	python tests/lint/arrows.py
	python tests/lint/headers.py
lint-yaml: venv-dev
	yamllint --strict .

format: venv-dev ## put every Python file in the one form
	ruff check --fix-only -q .
	ruff check --fix-only -q --unsafe-fixes --select UP006,UP035,C409,PT018,F401 .
	ruff format -q .

sanity: venv-dev ## ansible-test sanity, without Docker (TESTS=arguments for some)
	tests/sanity/run $(TESTS)

unit: venv-dev ## the core, without servers (TESTS=path for some)
	pytest -n $(WORKERS) $(or $(TESTS),tests/unit)

integration: venv-dev ## real servers, real ansible-playbook runs (TESTS=path for some)
	pytest -n $(WORKERS) --dist loadfile $(or $(TESTS),tests/integration tests/runner)

kills: venv-dev ## end deployments and rollbacks at every boundary of their tasks, for hours (KILLS=worlds: once per state, TESTS=-k expression)
	EVENKEEL_KILLS=$(or $(KILLS),all) pytest -s tests/integration/deploy/test_kills.py $(TESTS)

package-test: venv-dev ## build the tarball, install it into an empty folder, use it from there
	pytest $(or $(TESTS),tests/package)

bench: venv-dev ## figures against a reference and a bar (SECTION=a,b REPEAT=n)
	python -m ansible_collections.evenkeel.release.tests.bench --section "$(SECTION)" --repeat $(or $(REPEAT),3)

docs: venv-dev ## reference pages of all plugins and roles in build/docs
	rm -rf build/docs && mkdir -p -m 0755 build/docs
	antsibull-docs collection --use-current --cleanup everything --squash-hierarchy --dest-dir build/docs evenkeel.release
	@echo "reference: build/docs/index.rst"

clean: ## remove what the targets made (virtual environments too)
	rm -rf .venv .cache build bench/out tests/output .mypy_cache .ruff_cache .hypothesis .ansible

venv: $(VENV)/.demo link
venv-dev: $(VENV)/.dev link

# The clone may lie anywhere: this link is what Ansible sees as the collection. Remade when the clone was moved.
link:
	@mkdir -p $(dir $(TREE))
	@if [ ! $(TREE) -ef . ]; then ln -sfn "$(CURDIR)" $(TREE); fi

# A virtual environment knows its own absolute path: start afresh when the clone was moved.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv: apt-get install $$(basename $$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])'))-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
$(VENV)/.demo: requirements.txt requirements-demo.txt | $(BIN)/uv
	$(BIN)/uv pip install -q -r requirements-demo.txt
	@touch $@
$(VENV)/.dev: $(VENV)/.demo requirements-dev.txt | $(BIN)/uv
	$(BIN)/uv pip install -q -r requirements-dev.txt
	@touch $@
