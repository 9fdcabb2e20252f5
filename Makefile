# Every target makes its own .venv; nothing but Python and PyPI is needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PARAMS ?= params/sample.yaml

.PHONY: help backtest test evidence golden lab bench check format clean
.DEFAULT_GOAL := help

help:
	@echo "make backtest   install and run the main job (PARAMS=$(PARAMS))"
	@echo "make test       install what the tests need and run all of them"
	@echo "make evidence   the longer proofs, and coverage"
	@echo "make golden     write the numbers of the golden notebook anew"
	@echo "make lab        JupyterLab on the notebooks"
	@echo "make bench      speed beside vectorbt, bt, TA-Lib, PyPortfolioOpt, skfolio and others"
	@echo "make check      format, lint, types"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.lab: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[lab,classic]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

backtest: $(VENV)/.core
	$(BIN)/alphapulse backtest $(PARAMS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow" --nbval-lax --numprocesses auto --maxprocesses 4 --dist loadfile \
		tests notebooks

evidence: $(VENV)/.dev $(VENV)/.bench
	HYPOTHESIS_PROFILE=evidence $(BIN)/python -m pytest --nbval-lax --numprocesses auto --maxprocesses 4 --dist loadfile \
		tests notebooks
	$(MAKE) coverage

# Lines of compiled code count only when they run uncompiled, so the engine's tests run a second time without compiler.
coverage: $(VENV)/.dev
	rm -f .coverage
	$(BIN)/python -m pytest --quiet --numprocesses auto --maxprocesses 4 --dist loadfile -m "not slow" --cov=alphapulse \
		--cov-report= tests
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest --quiet --cov=alphapulse --cov-append --cov-report=term:skip-covered \
		--cov-fail-under=90 tests/execution tests/backtest/test_weights_oracle.py tests/backtest/test_conservation.py \
		tests/risk/test_measures.py tests/agents/test_indicators.py tests/agents/test_scales.py \
		tests/agents/test_filings.py tests/agents/test_news.py tests/agents/test_technical.py \
		tests/agents/test_information.py tests/agents/test_valuation.py tests/portfolio/test_quadratic.py \
		tests/portfolio/test_cvar.py tests/portfolio/test_hierarchical.py tests/portfolio/test_risk_parity.py \
		tests/risk/test_var_tests.py

golden: $(VENV)/.dev
	$(BIN)/jupyter execute --inplace tests/notebooks/golden.ipynb
	$(BIN)/nbstripout --keep-output --keep-count --extra-keys metadata.language_info tests/notebooks/golden.ipynb

lab: $(VENV)/.lab
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 notebooks

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
