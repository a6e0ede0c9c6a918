# SPDX-License-Identifier: Apache-2.0
"""Readers of source files: each turns one format into :class:`Features`; what follows is the same for all of them.

file -> Features (its own CRS) -> projected, repaired -> parcel energy joined -> clipped -> ActivityTable + KindReport
"""

from carbonstore.sources.context import ReadContext
from carbonstore.sources.pipeline import Reading, SourceTable, read_source, read_sources

__all__ = ["ReadContext", "Reading", "SourceTable", "read_source", "read_sources"]
