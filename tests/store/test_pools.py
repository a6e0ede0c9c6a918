# SPDX-License-Identifier: Apache-2.0
"""Pools in a release: written, read back, verified; what each parcel contributed stays outside of it."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from carbongrid.disclosure import Metered, Pools, Rule, form
from carbongrid.errors import Corrupt
from carbonstore.releases import pools as store
from carbonstore.releases.release import write
from carbonstore.releases.stored import Release
from tests.toy import toy_inventory, toy_publication

RULE = Rule()
NOTE = {"ko": "합산", "en": "pooled"}


def metered(*energy: float, cell: int = 0) -> Metered:
    """Parcels of one cell with electricity only."""
    n = len(energy)
    table = np.zeros((n, 3))
    table[:, 0] = energy
    return Metered(np.arange(n, dtype=np.int64), np.full(n, cell), np.zeros(n, np.int64), table)


def released(root: Path, pools: Pools, *, scale: int = 1) -> Release:
    """A release of the toy city with these pools; ``scale`` makes another one of it."""
    inventory = toy_inventory(scale=scale)
    given = replace(toy_publication(inventory), pools=pools, report={"summary": {"disclosure": {"rule": asdict(RULE)}}})
    return write(inventory, given, root)


def test_pools_come_back_without_what_each_parcel_contributed(tmp_path: Path) -> None:
    pools = form(metered(10, 20, 30), RULE)
    release = released(tmp_path, pools)
    found = release.pools
    assert found is not None
    for name in ("key", "pool", "level", "total", "contributors"):
        np.testing.assert_array_equal(getattr(found, name), getattr(pools, name))
    assert np.isnan(found.value).all()
    release.verify()


def test_no_byte_of_a_release_depends_on_who_contributed_what(tmp_path: Path) -> None:
    one = released(tmp_path / "a", form(metered(10, 20, 30), RULE))
    other = released(tmp_path / "b", form(metered(19, 18, 23), RULE))
    assert one.id == other.id
    for name in one.manifest["files"]:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name


def test_values_lie_outside_the_release_for_their_owner_only(tmp_path: Path) -> None:
    pools = form(metered(10, 20, 30), RULE)
    release = released(tmp_path, pools)
    store.keep_values(tmp_path, release.id, pools)
    path = tmp_path / "private" / f"{release.id}.arrow"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    found = store.with_values(release)
    assert found is not None
    np.testing.assert_array_equal(found.value, pools.value)
    release.verify()


def test_values_go_with_their_release(tmp_path: Path) -> None:
    pools = form(metered(10, 20, 30), RULE)
    release = released(tmp_path, pools)
    for name in (release.id, "0123456789abcdef"):
        store.keep_values(tmp_path, name, pools)
    store.forget_values(tmp_path)
    assert [p.stem for p in (tmp_path / "private").iterdir()] == [release.id]


def test_verify_refuses_a_pool_that_does_not_pass(tmp_path: Path) -> None:
    pools = form(metered(10, 20, 30), RULE)
    dominated = replace(pools, value=np.array([[98.0, 0, 0], [1, 0, 0], [1, 0, 0]]), total=np.array([[100.0, 0, 0]]))
    release = released(tmp_path, dominated)
    release.verify()  # the public part cannot show it
    store.keep_values(tmp_path, release.id, dominated)
    with pytest.raises(Corrupt, match="does not pass the rule"):
        release.verify()


def test_verify_refuses_too_few_contributors_by_the_public_part_alone(tmp_path: Path) -> None:
    pools = form(metered(10, 20, 30), RULE)
    with pytest.raises(Corrupt, match="fewer than 3 contributors"):
        released(tmp_path, replace(pools, contributors=np.array([[2, 0, 0]]))).verify()


def test_verify_refuses_a_total_that_is_not_the_sum(tmp_path: Path) -> None:
    pools = replace(form(metered(10, 20, 30), RULE), total=np.array([[61.0, 0, 0]]))
    release = released(tmp_path, pools)
    store.keep_values(tmp_path, release.id, pools)
    with pytest.raises(Corrupt, match="not the sum"):
        release.verify()


def test_verify_refuses_pools_that_an_earlier_release_had_otherwise(tmp_path: Path) -> None:
    """Each is safe by itself; together they give the fourth parcel away."""
    first, late = form(metered(10, 20, 30), RULE), metered(10, 20, 30, 25)
    released(tmp_path, first)
    kept = released(tmp_path, form(late, RULE, first), scale=2)
    kept.verify()
    anew = released(tmp_path, form(late, RULE), scale=3)
    with pytest.raises(Corrupt, match="were not kept"):
        anew.verify()
    gone = released(tmp_path, form(metered(), RULE), scale=4)
    with pytest.raises(Corrupt, match="were not kept"):
        gone.verify()


def test_a_release_in_which_no_pool_closed(tmp_path: Path) -> None:
    release = released(tmp_path, form(metered(10, 20), RULE))
    assert release.pools is not None
    assert len(release.pools) == 0
    release.verify()
