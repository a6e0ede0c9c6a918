# SPDX-License-Identifier: Apache-2.0
"""Catalogues by data folder: pygeoapi makes a provider for every request, so what is costly lives here."""

from functools import lru_cache
from pathlib import Path

from carbonstore.collections.collection import Collection
from carbonstore.releases.catalogue import Catalogue


@lru_cache(maxsize=16)
def catalogue(data: str) -> Catalogue:
    """The catalogue of a data folder, shared by all threads of this process."""
    return Catalogue(Path(data))


def collection(data: str, name: str, edition: str | None = None) -> Collection:
    """A collection of the edition in force or of a kept one; NotFound, Gone or InvalidInput otherwise."""
    return catalogue(data).snapshot().at(name, edition)
