# pairwright: every target sets up what it needs in .venv and can be run again.
PYTHON ?= python3
export PYTHON
VENV := .venv
BIN := $(VENV)/bin
INSTALL := bash .ci/install
# As many tests at once as there are cores; a process that has no tests left takes over some of another's.
PYTEST := $(BIN)/python -P -m pytest --quiet --numprocesses auto --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help environments demo test fuzz test-vllm test-clip test-ray test-s3 conformance test-trainers lint compat trl wheel bench clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

$(VENV)/.base: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("pairwright needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) $(VENV) --editable ".[demo]"
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(INSTALL) $(VENV) --editable ".[dev]"
	@touch $@

demo: $(VENV)/.base ## Build image negatives from real photographs into demo-out/
	@rm -rf demo-in demo-out
	$(BIN)/python examples/photographs/make_photographs.py demo-in
	$(BIN)/pairwright build examples/photographs/recipe.yaml --source demo-in/pairs.jsonl --out demo-out
	$(BIN)/pairwright validate demo-out
	$(BIN)/pairwright show demo-out
	$(BIN)/pairwright report demo-out

test: $(VENV)/.dev ## Run the tests, docstring examples included
	$(PYTEST) tests
	$(PYTEST) --doctest-modules --pyargs pairwright

# PIP_EXTRA: options for pip, where it does not find torch==2.13.0+cpu by itself; PyPI has no CPU-only builds:
# make test-vllm PIP_EXTRA="--extra-index-url https://download.pytorch.org/whl/cpu"
.venv-%/.ready: tests/%/requirements.txt pyproject.toml
	$(INSTALL) .venv-$* $(PIP_EXTRA) --no-deps --requirement $< --editable .
	@touch $@

test-vllm: .venv-vllm/.ready ## Run the tests against a real vLLM, on the CPU with a tiny model
	.venv-vllm/bin/python -P -m pytest --quiet tests/vllm

.venv-clip/tiny/open_clip_config.json: tests/clip/tiny_clip.py .venv-clip/.ready
	OMP_NUM_THREADS=1 .venv-clip/bin/python tests/clip/tiny_clip.py $(@D)

test-clip: .venv-clip/tiny/open_clip_config.json ## Run the tests against a real open_clip, on the CPU with a tiny model
	TINY_CLIP=$(CURDIR)/$(<D) .venv-clip/bin/python -P -m pytest --quiet tests/clip

test-ray: .venv-ray/.ready ## Run the tests on a real Ray cluster of this machine
	.venv-ray/bin/python -P -m pytest --quiet tests/ray
	.venv-ray/bin/python -P -m pytest --quiet tests/conformance -k "ray or standing"

conformance: .venv-ray/.ready ## Kill runs fifty times on every executor, and compare what comes of them to the byte
	CONFORMANCE=whole .venv-ray/bin/python -P -m pytest --quiet tests/conformance

# Mostly these wait, for a server that is slow on purpose and for leases to run out, so more of them go on at once; those that
# start Ray come after them, one by one.
test-s3: .venv-s3/.ready ## Run the tests of output on object stores, against an S3 server of this machine
	.venv-s3/bin/python -P -m pytest --quiet --numprocesses 4 tests/s3 --ignore tests/s3/test_on_ray.py
	.venv-s3/bin/python -P -m pytest --quiet tests/s3/test_on_ray.py

environments: $(VENV)/.dev .venv-vllm/.ready .venv-clip/.ready .venv-ray/.ready .venv-s3/.ready ## Make the environments of all tests

.venv-fuzz/.ready: tests/fuzz/requirements.txt pyproject.toml
	[ -x .venv-fuzz/bin/python ] || $(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip --disable-pip-version-check --quiet install --requirement tests/fuzz/requirements.txt
	@touch $@

# FUZZ_SECONDS: of each target of guided.py, which follows the coverage
fuzz: $(VENV)/.dev .venv-fuzz/.ready ## Look for inputs that break it, with new ones each time; takes an hour, not part of .ci/run
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-3000} $(BIN)/python -P -m pytest --quiet tests/fuzz
	for target in recipes tables cells layouts runs answers prompts; do \
	  .venv-fuzz/bin/python -P tests/fuzz/guided.py $$target -max_total_time=$${FUZZ_SECONDS:-300} || exit 1; \
	done

lint: $(VENV)/.dev ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

compat: demo ## Load the demo's run with datasets 2.21 to 5.2
	bash tests/compat/check_datasets_versions.sh demo-out

trl: demo ## Train two steps of DPO with TRL on the demo's text pairs, as written, published and loaded back, and exported
	bash tests/compat/check_trl.sh demo-out/data/train-00000-00.parquet
	bash tests/compat/check_published.sh demo-out
	bash tests/trainers/check_trainers.sh trl

test-trainers: trl ## Have LLaMA-Factory and ms-swift read and train on exports; takes 5 GB, not part of .ci/run
	bash tests/trainers/check_trainers.sh llamafactory ms-swift

wheel: $(VENV)/.dev ## Build the wheel and use it outside the checkout
	bash tests/compat/check_wheel.sh

bench: ## Measure against peers; takes some minutes
	bash benchmarks/run.sh

clean: ## Remove environments and what the demo made
	rm -rf .venv .venv-* demo-in demo-out build dist *.egg-info src/*.egg-info
