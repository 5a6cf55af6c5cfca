# SPDX-License-Identifier: GPL-3.0-or-later
# Every target does its own set-up and is cheap the second time. `make help` lists them.
PYTHON ?= python3
SHELL := /bin/bash
PYTAG := $(shell $(PYTHON) -c 'import sys; print("py%d.%d" % sys.version_info[:2])')
VENV := $(CURDIR)/.venv/$(PYTAG)
BIN := $(VENV)/bin
COLLECTIONS := $(CURDIR)/.cache/collections
TREE := $(COLLECTIONS)/ansible_collections/evenkeel/release
export PATH := $(BIN):$(PATH):/usr/sbin:/sbin
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export LC_ALL ?= C.UTF-8

.PHONY: help demo demo-down test test-containers lint sanity unit integration package-test bench docs clean venv venv-dev
help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

venv: $(VENV)/.demo $(TREE)
venv-dev: $(VENV)/.dev $(TREE)

# The clone may lie anywhere: this link is what Ansible sees as the collection.
$(TREE):
	@mkdir -p $(@D) && ln -sfn $(CURDIR) $@
$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check uv
$(VENV)/.demo: requirements.txt requirements-demo.txt | $(BIN)/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q -r requirements-demo.txt
	@touch $@
$(VENV)/.dev: $(VENV)/.demo requirements-dev.txt | $(BIN)/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q -r requirements-dev.txt
	@touch $@
