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

.PHONY: venv
venv: $(VENV)/.stamp $(COLLECTION) ## Make .venv and the link under which Python and Ansible find this checkout

$(VENV)/.stamp: requirements-dev.txt
	@.ci/venv $(VENV) -r requirements-dev.txt
	@touch $@

$(COLLECTION):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@
