# SPDX-License-Identifier: Apache-2.0
# make up: a map of synthetic Sejong on http://localhost:5000/map     make test: everything that is promised

export CARBONGRID_DATA ?= $(CURDIR)/.carbongrid

.PHONY: up test lint fuzz soak bench openapi picture lock

up:
	@./bootstrap.sh
	@exec .venv/bin/carbongrid sample sejong --serve

test:
	@./bootstrap.sh --dev
	@.venv/bin/python -m pytest

lint:
	@./bootstrap.sh --dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

fuzz:
	@./bootstrap.sh --dev
	@CARBONGRID_FUZZ=10000 .venv/bin/python -m pytest -q tests/conformance/test_any_request.py

soak:
	@./bootstrap.sh --dev
	@CARBONGRID_SOAK=1 .venv/bin/python -m pytest -q tests/jobs tests/api/test_region_files.py

bench:
	@./bootstrap.sh --dev
	@.venv/bin/python -m benchmarks

openapi:
	@./bootstrap.sh --dev
	@.venv/bin/python -m openapi.generate

picture:
	@./bootstrap.sh --dev
	@.venv/bin/python -m tools.picture --pick 790,500

LOCK = uv pip compile -q pyproject.toml --group build --python-version 3.12 --universal --generate-hashes --no-emit-index-url --no-header
lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra dev -o requirements-dev.lock
