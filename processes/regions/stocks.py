# SPDX-License-Identifier: Apache-2.0
"""Releases made ready for sums: once each, however many ask, and kept."""

from functools import lru_cache
from threading import Lock

from carbongrid.region import Region
from carbonstore.releases.stored import Release
from processes.regions.inside import Choice, Inside, Stock, inside


@lru_cache(maxsize=32)
def _stock(release: Release) -> Stock:
    return Stock.of(release.inventory())


@lru_cache(maxsize=64)
def _gate(release: Release) -> Lock:
    return Lock()


def stock(release: Release) -> Stock:
    """A release made ready for region sums, once: releases never change, and requests at the same time wait for it."""
    with _gate(release):
        return _stock(release)


def estimate(release: Release, region: Region, choice: Choice, *, kept: bool = True) -> Inside:
    """Sum one release inside a region. ``kept``: others will ask for the release too."""
    ready = stock(release) if kept else Stock.of(release.inventory())
    return inside(ready, region.on(ready.cells.window), choice)
