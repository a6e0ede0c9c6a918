#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Finds a Python >= 3.12 that really runs, builds .venv from a hashed lock with uv, installs the viewer's JavaScript.
#   ./bootstrap.sh          what serving needs (requirements.lock)
#   ./bootstrap.sh --dev    tests, linters and clients too (requirements-dev.lock)
# CARBONGRID_PYTHON=/path/to/python overrides the search; UV_PYTHON_DOWNLOADS=never forbids uv to fetch an interpreter.
set -eu
cd "$(dirname "$0")"

LOCK=requirements.lock
if [ "${1:-}" = --dev ]; then LOCK=requirements-dev.lock; fi
STAMP=".venv/.$(cat $LOCK pyproject.toml | sha256sum | cut -c1-16)"

runs() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }
# The interpreter behind a virtual environment: that of an environment may have no pip.
base() { "$1" -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)'; }

find_python() {
    for candidate in "${CARBONGRID_PYTHON:-}" python3.14 python3.13 python3.12 python3 \
        "$HOME"/.pyenv/versions/3.1[4-9]*/bin/python3 "$HOME"/.pyenv/versions/3.13*/bin/python3 "$HOME"/.pyenv/versions/3.12*/bin/python3 \
        "$HOME"/.local/share/uv/python/cpython-3.1[2-9]*/bin/python3; do
        if [ -n "$candidate" ] && runs "$candidate"; then base "$candidate"; return; fi
    done
    return 1
}

find_uv() {
    if command -v uv >/dev/null 2>&1; then echo uv; return; fi
    if [ ! -x .uv/bin/uv ]; then
        quiet='-q --disable-pip-version-check --no-compile --root-user-action=ignore'
        # Into a folder of its own: quicker than a venv, and allowed where the system's Python is managed by its distribution.
        "$1" -m pip install $quiet --target .uv 'uv>=0.9,<1' >&2 ||
            { "$1" -m venv --clear .uv >&2 && .uv/bin/python -m pip install $quiet 'uv>=0.9,<1' >&2; }
    fi
    echo .uv/bin/uv
}

install_python() {
    if PY=$(find_python); then HOST=$PY; else
        if [ "${UV_PYTHON_DOWNLOADS:-automatic}" = never ]; then
            echo "carbongrid: no Python >= 3.12 found; install one, or name it with CARBONGRID_PYTHON" >&2
            exit 1
        fi
        PY=3.13 HOST=python3
    fi
    echo "carbongrid: setting up .venv from $LOCK" >&2
    "$HOST" tools/vendor.py >/dev/null 2>&1 & VENDOR=$!
    UV=$(find_uv "$HOST")
    if ! runs .venv/bin/python; then "$UV" venv -q --clear --python "$PY" .venv; fi
    "$UV" pip install -q --python .venv/bin/python --require-hashes -r "$LOCK"
    "$UV" pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
    wait "$VENDOR" || true
    touch "$STAMP"
}

if [ ! -f "$STAMP" ]; then install_python; fi
# Without npm everything but the map works, and the map's page says what it waits for.
.venv/bin/python tools/vendor.py || true
