#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the image does after COPY: the same bootstrap and lock as `make up`, then byte-compile and drop what serving does not need.
set -eu
cd "$(dirname "$0")/.."
UV_PYTHON_DOWNLOADS=never ./bootstrap.sh
.venv/bin/python -m compileall -q -j 0 .venv/lib carbongrid carbonstore carbon_provider processes carbonserver
rm -rf node_modules
.venv/bin/carbongrid --version
