# Targets make the environment in .venv when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
WORKDIR ?= runs/mnist
JOBS ?= 2
# An interpreter with PyTorch to compare with; `pip install -c constraints.txt -e '.[benchmark]'` puts it into .venv.
TORCH ?= $(BIN)/python
INSTALLED := .venv/.installed

SWEEPDIR ?= runs/sweep
# Layers of tests (tests/conftest.py), in the order in which `make test-all` runs them.
PART ?= numerics metrics data engine surface sweeps matrix

.PHONY: help install train sweep test test-slow test-all test-costs golden faults lint bench docs clean

help:
	@echo "make train      environment, MNIST, and the default experiment in $(WORKDIR); prints the sample grid's path"
	@echo "make sweep      the same networks with three losses, two learning rates, five seeds; prints the report's path"
	@echo "make reproduce-NAME  the runs of experiments/NAME, such as conditional; the same command goes on with them"
	@echo "make test       environment and tests      make test-slow  the tests that take long"
	@echo "make test-all   both, layer by layer; PART=engine: one; goes on where it was ended"
	@echo "make golden     whether any run's bits changed (tests/golden); ONLY=rule,with/ema: some"
	@echo "make faults     plants errors, each of which some test must find; ONLY=resume,loss: some (docs/testing.md)"
	@echo "make lint       ruff and mypy              make bench      benchmarks     make clean  remove .venv and caches"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"gan_jax needs Python 3.11 or newer, not {sys.version.split()[0]}; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

train: $(INSTALLED)
	$(BIN)/gan-jax data prepare mnist
	$(BIN)/gan-jax train --config=experiments/mnist/config.py --workdir=$(WORKDIR)

sweep: $(INSTALLED)
	$(BIN)/gan-jax data prepare mnist
	$(BIN)/gan-jax sweep --config=experiments/mnist/config.py:short --workdir=$(SWEEPDIR)

# Trains what the page of an experiment reports, and goes on where it was ended.
reproduce-%: experiments/%/runs.sh $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $< runs/$*

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-slow: $(INSTALLED)
	XLA_FLAGS= $(BIN)/python -m pytest -m slow -n $(JOBS) --dist worksteal

# The file of a part holds the tests that passed for just this content of the files that git knows.
test-all: $(INSTALLED)
	@tree=$$(git rev-parse --short=12 HEAD)-$$(git diff HEAD | sha256sum | cut -c1-8); \
	for part in $(PART); do \
	  echo "$$part:"; XLA_FLAGS= $(BIN)/python -m pytest -m "$$part and (slow or not slow)" --passed=runs/tests/$$tree/$$part -n $(JOBS) --dist worksteal; \
	  status=$$?; if [ $$status -ne 0 ] && [ $$status -ne 5 ]; then exit $$status; fi; \
	done

# CPU seconds and compiled programs of `make test`, by test.
test-costs: $(INSTALLED)
	rm -rf runs/costs && mkdir -p runs/costs
	PYTHONPATH=tests $(BIN)/python -m pytest -p support.costs --costs=runs/costs/test -n $(JOBS) --dist worksteal
	PYTHONPATH=tests $(BIN)/python -m support.costs runs/costs/test.*

golden: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python -m golden.table $(if $(ONLY),--only=$(ONLY))

faults: $(INSTALLED)
	mkdir -p runs/faults
	$(BIN)/python tests/faults/run.py --out=runs/faults/$$(git rev-parse --short=12 HEAD).jsonl $(if $(ONLY),--only=$(ONLY))

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	mkdir -p runs/bench
	$(BIN)/python -m benchmarks.steps --torch=$(TORCH) --compile --out=runs/bench/steps.json
	$(BIN)/python -m benchmarks.framework --out=runs/bench/framework.json
	$(BIN)/python -m benchmarks.metrics --out=runs/bench/metrics.json
	$(BIN)/python -m benchmarks.sweeps --out=runs/bench/sweeps.json
	$(BIN)/python -m benchmarks.table runs/bench/steps.json runs/bench/framework.json runs/bench/sweeps.json
	$(BIN)/python -m benchmarks.guard runs/bench/steps.json runs/bench/framework.json runs/bench/sweeps.json

docs: $(INSTALLED)
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
