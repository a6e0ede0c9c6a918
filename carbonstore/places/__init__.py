# SPDX-License-Identifier: Apache-2.0
"""Boundaries and units of the map, as published: disjoint outlines by level."""
