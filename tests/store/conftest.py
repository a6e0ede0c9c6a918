# SPDX-License-Identifier: Apache-2.0
"""Stores that several tests read and none writes to."""

from pathlib import Path

import pytest

from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue, Snapshot
from carbonstore.releases.release import write
from tests.square import square_inventory
from tests.toy import toy_publication, toy_store


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy city of 2022 and 2023 in Korea, and its twin in Uzbekistan, not synthetic, 2023 only."""
    root = tmp_path_factory.mktemp("toy")
    toy_store(root)
    toy_store(root, (2023,), "twin", 32642, synthetic=False)
    return root


@pytest.fixture
def toy(toy_root: Path) -> Snapshot:
    """Everything published of the toy cities."""
    return Catalogue(toy_root).snapshot()


@pytest.fixture(scope="session")
def square(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """10,000 cells of random kilograms."""
    root = tmp_path_factory.mktemp("square")
    inventory = square_inventory(100)
    write(inventory, toy_publication(inventory), root)
    edition.publish(root, "square")
    return Catalogue(root).snapshot()
