# Needs Python 3.11 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
AIRFLOW := .venv-airflow/bin
EXAMPLES := .venv-examples/bin
SITE := .venv-site/bin
DUCKLAKE := .venv-ducklake/bin
DIALECTS := .venv-dialects/bin
SPARK := .venv-spark/bin
COMMAND := $(BIN)/intercom-warehouse

# Bytecode is kept, in all environments: else each process would compile again what it imports, the tests included.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all explore test-airflow soak bench sync lint lock wheel sbom audit test-examples site test-site test-ducklake test-spark test-dialects

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

install: .venv/installed  ## create .venv with the command in it

.venv/installed: locks/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "intercom-warehouse needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install uv
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r locks/requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps -e .
	@$(BIN)/python -m compileall -q pipelines sandbox sources
	@touch $@

demo: install  ## simulate three weeks of a workspace, sync it day by day, print a query
	@$(COMMAND) demo

# The tests write thousands of small databases, and wait for a disk most of the time. Where there are 8 GB of memory for
# files, they go there.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 { print $$6 }')
WORKERS := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')  # one more than cores: tests wait, too
PYTEST := $(if $(MEMORY),TMPDIR=$(MEMORY)) $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test: install  ## test every promise, offline, in about six minutes on two cores
	@$(PYTEST) -m "not nightly"

test-all: test  ## test, then the slow variants of its tests and more examples
	@$(PYTEST) -m "nightly or hypothesis" --hypothesis-profile=nightly

explore: install  ## test each property with more examples, which differ from run to run
	@$(PYTEST) -m hypothesis --hypothesis-profile=explore

test-airflow: install .venv-airflow/installed  ## test the DAGs in a separate Airflow
	@$(BIN)/mypy --python-executable $(AIRFLOW)/python --cache-dir .mypy_cache/airflow pipelines/airflow_dag.py tests/airflow/*.py
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(AIRFLOW)/python -m pytest tests/airflow

.venv-airflow/installed: locks/airflow.lock .venv/installed
	@test -x $(AIRFLOW)/python || $(BIN)/python -m venv --without-pip .venv-airflow
	@VIRTUAL_ENV=$(CURDIR)/.venv-airflow $(BIN)/uv pip install --quiet --require-hashes -r locks/airflow.lock
	@touch $@

test-examples: install .venv-examples/installed  ## run docs/examples, also those that need marimo, Dagster or Prefect
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(BIN)/python -m pytest tests/test_examples.py

.venv-examples/installed: locks/examples.lock .venv/installed
	@test -x $(EXAMPLES)/python || $(BIN)/python -m venv --without-pip .venv-examples
	@VIRTUAL_ENV=$(CURDIR)/.venv-examples $(BIN)/uv pip install --quiet --require-hashes -r locks/examples.lock
	@touch $@

site: install .venv-site/installed  ## build the documents as a site in site/html, with the report of a demo
	@WAREHOUSE__DATA_DIR=$(CURDIR)/site/demo $(COMMAND) --quiet demo > /dev/null
	@$(BIN)/python docs/site/build.py --report site/demo/report.html --zensical $(CURDIR)/$(SITE)/zensical
	@echo "open site/html/index.html, or serve it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site/html"

test-site: install .venv-site/installed  ## build the site without the network, and check its pages and links
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(BIN)/python -m pytest tests/test_site.py

.venv-site/installed: locks/site.lock .venv/installed
	@test -x $(SITE)/python || $(BIN)/python -m venv --without-pip .venv-site
	@VIRTUAL_ENV=$(CURDIR)/.venv-site $(BIN)/uv pip install --quiet --require-hashes -r locks/site.lock
	@touch $@

test-ducklake: .venv-ducklake/installed  ## test DuckLake with the DuckDB that has its extension
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && HOME=$$home $(if $(MEMORY),TMPDIR=$(MEMORY)) \
		$(DUCKLAKE)/python -m pytest -m "not nightly" -k ducklake tests/pipelines/destinations

.venv-ducklake/installed: locks/ducklake.lock .venv/installed
	@test -x $(DUCKLAKE)/python || $(BIN)/python -m venv --without-pip .venv-ducklake
	@VIRTUAL_ENV=$(CURDIR)/.venv-ducklake $(BIN)/uv pip install --quiet --require-hashes -r locks/ducklake.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv-ducklake $(BIN)/uv pip install --quiet --no-deps -e .
	@touch $@

test-spark: install .venv-spark/installed  ## build the marts on a Spark cluster of this machine; needs Java
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(SPARK)/python -m pytest tests/spark

.venv-spark/installed: locks/spark.lock .venv/installed
	@test -x $(SPARK)/python || $(BIN)/python -m venv --without-pip .venv-spark
	@VIRTUAL_ENV=$(CURDIR)/.venv-spark $(BIN)/uv pip install --quiet --require-hashes -r locks/spark.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv-spark $(BIN)/uv pip install --quiet --no-deps -e .
	@touch $@

test-dialects: install .venv-dialects/installed  ## build the marts on DataFusion, ClickHouse and fakesnow, in this process
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(DIALECTS)/python -m pytest -s tests/dialects

.venv-dialects/installed: locks/dialects.lock .venv/installed
	@test -x $(DIALECTS)/python || $(BIN)/python -m venv --without-pip .venv-dialects
	@VIRTUAL_ENV=$(CURDIR)/.venv-dialects $(BIN)/uv pip install --quiet --require-hashes -r locks/dialects.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv-dialects $(BIN)/uv pip install --quiet --no-deps -e .
	@touch $@

soak: SECONDS ?= 600
soak: SEED ?= 1
soak: install  ## kill syncs at random, simulate random lives of workspaces: make soak SECONDS=600 SEED=1
	@$(BIN)/python -m tests.soak --seconds $(SECONDS) --seed $(SEED)

bench: install  ## measure speed and memory against lower bounds: half an hour, on a quiet machine
	@$(BIN)/python -m benchmarks

sync: install  ## sync the workspace configured in .dlt/
	@$(COMMAND) sync

lint: install  ## ruff, mypy --strict, sqruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqruff lint sql

wheel: install  ## build the package, to install the command without a clone
	@$(BIN)/python -m hatchling build --target wheel

sbom: install  ## list the locked dependencies in CycloneDX's format, dist/intercom-warehouse.cdx.json
	@mkdir -p dist
	@$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --output-reproducible --of JSON \
		-o dist/intercom-warehouse.cdx.json locks/requirements.lock

audit: install  ## search all locks for releases with known vulnerabilities, in what pypi.org knows of them
	@for lock in locks/*.lock; do \
		echo "$$lock"; \
		$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip --require-hashes -r $$lock \
			|| { echo "$$lock has a vulnerable release, or could not be audited: that needs pypi.org itself, no mirror."; exit 1; }; \
	done

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --python-version 3.11

lock: install  ## renew the locks: with hashes, for every platform, without URLs
	@$(COMPILE) --extra dev pyproject.toml -o locks/requirements.lock
	@$(COMPILE) --group airflow -o locks/airflow.lock
	@$(COMPILE) --group examples pyproject.toml -o locks/examples.lock
	@$(COMPILE) --group site -o locks/site.lock
	@$(COMPILE) --group ducklake pyproject.toml -o locks/ducklake.lock
	@$(COMPILE) --constraint locks/requirements.lock --extra dev --extra spark pyproject.toml -o locks/spark.lock
	@$(COMPILE) --override tests/dialects/overrides.txt --extra dev --group dialects pyproject.toml -o locks/dialects.lock
