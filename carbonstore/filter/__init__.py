# SPDX-License-Identifier: Apache-2.0
"""CQL2: from a client's text to the rows it is true for, of cells or whatever else has columns and geometries."""

from carbonstore.filter.geometry import in_crs84
from carbonstore.filter.select import Filter
from carbonstore.filter.syntax import LANGUAGES, Tree, parse

__all__ = ["LANGUAGES", "Filter", "Tree", "in_crs84", "parse"]
