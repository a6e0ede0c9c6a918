# SPDX-License-Identifier: Apache-2.0
"""Tests; a package of its own name, since some distributions install a top-level ``tests`` too."""
