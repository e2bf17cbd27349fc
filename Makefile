# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BUILD := .build
COLLECTION := $(BUILD)/ansible_collections/vya/backupdb

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

# Tests wait a lot, so there is one file of them more than there are processors; the long files come first by their names.
BY_FILES := --maxprocesses=8 --dist=loadfile --no-loadscope-reorder
SIDE_BY_SIDE := --numprocesses=$(shell expr $$(nproc) + 1) $(BY_FILES)

# Everything below one at a time: servers, linters and benchmarks would take each other's cores.
.NOTPARALLEL:

.PHONY: venv
venv: $(VENV)/.stamp $(COLLECTION) ## Make .venv and the link under which Python and Ansible find this checkout

$(VENV)/.stamp: requirements-dev.txt .ci/venv
	@.ci/venv $(VENV) -r requirements-dev.txt
	@touch $@

$(COLLECTION):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@

.PHONY: programs
programs: ## Install the servers and tools that are missing (Debian, Ubuntu; nothing is started)
	@.ci/programs
	@.ci/azurite

.PHONY: test
test: test-lint test-sanity test-unit test-integration ## Run all tests, as .ci/run does

.PHONY: test-lint
test-lint: venv ## ruff, yamllint, ansible-lint (profile production), changelog fragments
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/yamllint --strict .
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/$(BUILD)" NO_COLOR=1 ansible-lint
	$(VENV)/bin/antsibull-changelog lint

.PHONY: test-sanity
test-sanity: venv ## ansible-test sanity; ANSIBLE_CORE=2.20 takes another ansible-core, ARGS="--test import" a part
	@.ci/sanity $(ARGS)

.PHONY: test-unit
test-unit: venv programs ## Unit tests: no servers; ARGS="-k name" takes a part
	$(VENV)/bin/python -m pytest tests/unit $(ARGS)

.PHONY: test-integration
test-integration: venv programs ## Tests on real servers, which they start and end themselves; ARGS="-k name"
	.ci/as-root $(VENV)/bin/python -m pytest tests/integration $(SIDE_BY_SIDE) $(ARGS)

HOSTS := .cache/hosts
REGRESSION := tests/hosts/test_regression_database.py

.PHONY: hosts-environment
hosts-environment: $(HOSTS)/.stamp $(COLLECTION) ## Make .cache/hosts, the environment of the tests on hosts

# The scenarios take longest: there are no more files at a time than processors, so that they have one.
.PHONY: test-hosts
test-hosts: hosts-environment ## Tests on bare hosts, which are containers; starts Docker Engine where none runs
	.ci/as-root $(HOSTS)/bin/python -m pytest tests/hosts --ignore=$(REGRESSION) --durations=12 --durations-min=30 --numprocesses=$$(nproc) $(BY_FILES) $(ARGS)

.PHONY: test-regression
test-regression: hosts-environment ## PostgreSQL's own regression database, rebuilt on its version and on newer ones
	.ci/as-root $(HOSTS)/bin/python -m pytest $(REGRESSION) $(ARGS)

$(HOSTS)/.stamp: tests/hosts/requirements.txt .ci/venv
	@mkdir -p $(@D)
	@.ci/venv $(HOSTS) -r tests/hosts/requirements.txt
	@touch $@

.PHONY: test-traps
test-traps: venv ## Traps of recovery on pairs of servers of Debian's releases; writes docs/dr-traps.md; ARGS=postgresql-15-17 takes a pair
	.ci/as-root $(VENV)/bin/python -m tests.traps $(ARGS)

.PHONY: test-faults
test-faults: venv programs ## Break everything on purpose and write docs/reliability.md; ARGS="--one-in 4" or ARGS=prune take a part
	@.ci/as-root $(VENV)/bin/python -m tests.faults $(ARGS)

.PHONY: demo
demo: venv programs ## Back up, lose and rebuild throw-away servers and files; KEEP=1 leaves them running
	@.ci/as-root $(VENV)/bin/python -m tests.demo

.PHONY: bench
bench: venv programs ## Measure beside what people use today; the table says ratios
	@.ci/as-root $(VENV)/bin/python -m tests.benchmarks $(ARGS)

FUZZ := .cache/fuzz
FUZZ_SECONDS := 60

.PHONY: fuzz
fuzz: $(FUZZ)/.stamp ## Fuzz the SQL lexers; FUZZ_SECONDS=600 for each dialect, what it finds is left in .cache/fuzz-found
	$(FUZZ)/bin/python -m tests.fuzz.fuzz_sql $(FUZZ_SECONDS)

$(FUZZ)/.stamp: .ci/venv
	@mkdir -p $(@D)
	@.ci/venv $(FUZZ) atheris hypothesis
	@touch $@

.PHONY: clean
clean: ## Remove everything that this Makefile has made
	.ci/as-root rm -rf -- $(VENV) $(BUILD) .cache .pytest_cache .ruff_cache .hypothesis tests/output
