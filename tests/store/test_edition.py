# SPDX-License-Identifier: Apache-2.0
"""Publishing switches all at once; what was published stays readable until it is pruned."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from carbongrid.errors import Corrupt, Gone, InvalidInput, NotFound
from carbonstore.releases import edition
from carbonstore.releases.release import Release, built, write
from tests.store.publishing import stress
from tests.toy import toy_inventory, toy_publication


def build(root: Path, year: int, scale: int = 1, epsg: int = 5179) -> Release:
    inventory = toy_inventory(year, epsg=epsg, scale=scale)
    return write(inventory, toy_publication(inventory), root)


def years(root: Path) -> dict[int, str]:
    return dict(edition.current(root, "toy").years)


def test_every_built_year_is_published_at_once(tmp_path: Path) -> None:
    a, b = build(tmp_path, 2022), build(tmp_path, 2023)
    name = edition.publish(tmp_path, "toy")
    assert years(tmp_path) == {2022: a.id, 2023: b.id}
    assert edition.current(tmp_path, "toy").id == name
    assert edition.inventories(tmp_path) == ["toy"]


def test_a_named_year_gets_its_newest_release_and_the_others_stay(tmp_path: Path) -> None:
    old = build(tmp_path, 2022), build(tmp_path, 2023)
    edition.publish(tmp_path, "toy")
    build(tmp_path, 2022, 3)
    new = build(tmp_path, 2023, 3)
    edition.publish(tmp_path, "toy", [2023])
    assert years(tmp_path) == {2022: old[0].id, 2023: new.id}


def test_an_edition_is_named_by_what_it_holds(tmp_path: Path) -> None:
    build(tmp_path, 2023)
    first = edition.publish(tmp_path, "toy")
    assert edition.publish(tmp_path, "toy") == first
    assert edition.pointer(tmp_path, "toy").kept == (first,)
    assert edition.Edition.of("toy", years(tmp_path)).id == first


def test_what_was_not_built_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no release of 'toy' was built"):
        edition.publish(tmp_path, "toy")
    build(tmp_path, 2023)
    with pytest.raises(NotFound, match=r"2021, 2024 was built \(allowed: 2023\)"):
        edition.publish(tmp_path, "toy", [2024, 2021, 2023])
    with pytest.raises(NotFound, match="nothing is published"):
        edition.current(tmp_path, "toy")


def test_rollback_returns_to_the_edition_before(tmp_path: Path) -> None:
    names = []
    for scale in (1, 2, 3):
        build(tmp_path, 2023, scale)
        names.append(edition.publish(tmp_path, "toy"))
    assert edition.rollback(tmp_path, "toy") == names[1]
    assert edition.rollback(tmp_path, "toy") == names[0]
    with pytest.raises(NotFound, match="no edition of 'toy' before"):
        edition.rollback(tmp_path, "toy")
    assert edition.current(tmp_path, "toy").id == names[0]
    assert {e.id for e in edition.history(tmp_path, "toy")} == set(names)


def test_prune_keeps_the_last_editions_and_what_they_name(tmp_path: Path) -> None:
    names, releases = [], []
    for scale in (1, 2, 3, 4):
        releases.append(build(tmp_path, 2023, scale))
        names.append(edition.publish(tmp_path, "toy"))
    waiting = build(tmp_path, 2024)
    assert edition.prune(tmp_path, "toy", keep=2) == names[1::-1]
    assert [e.id for e in edition.history(tmp_path, "toy")] == names[:1:-1]
    assert {b.id for b in built(tmp_path)} == {releases[2].id, releases[3].id, waiting.id}
    with pytest.raises(Gone, match="not kept any more"):
        edition.load(tmp_path, "toy", names[0])
    edition.load(tmp_path, "toy", names[2])
    assert sorted(p.name for p in (tmp_path / "editions/toy").iterdir()) == sorted(
        ["current", f"{names[2]}.json", f"{names[3]}.json"]
    )


def test_prune_never_keeps_fewer_than_two(tmp_path: Path) -> None:
    build(tmp_path, 2023)
    edition.publish(tmp_path, "toy")
    with pytest.raises(InvalidInput, match="2 or more"):
        edition.prune(tmp_path, "toy", keep=1)


def test_a_pruned_edition_may_be_published_again(tmp_path: Path) -> None:
    names = []
    for scale in (1, 2, 3, 1):
        build(tmp_path, 2023, scale)
        names.append(edition.publish(tmp_path, "toy"))
        edition.prune(tmp_path, "toy")
    assert names[3] == names[0]
    assert edition.current(tmp_path, "toy").id == names[0]


@pytest.mark.parametrize("name", ["", "0" * 15, "0" * 17, "G" * 16, "../../../etc/pw", "0" * 16 + "\n"])
def test_a_malformed_edition_is_the_askers_mistake(tmp_path: Path, name: str) -> None:
    build(tmp_path, 2023)
    edition.publish(tmp_path, "toy")
    with pytest.raises(InvalidInput, match="16 hex digits"):
        edition.load(tmp_path, "toy", name)


def test_a_release_that_does_not_verify_is_not_published(tmp_path: Path) -> None:
    build(tmp_path, 2023)
    before = edition.publish(tmp_path, "toy")
    bad = build(tmp_path, 2023, 2)
    (bad.path / "report.json").write_bytes(b"{}")
    with pytest.raises(Corrupt, match=r"report\.json"):
        edition.publish(tmp_path, "toy")
    assert edition.current(tmp_path, "toy").id == before


def test_years_on_different_levels_are_not_one_history(tmp_path: Path) -> None:
    build(tmp_path, 2022)
    inventory = toy_inventory(2023)
    write(inventory, replace(toy_publication(inventory), levels=(100, 1000)), tmp_path)
    with pytest.raises(InvalidInput, match="years differ in grid or levels"):
        edition.publish(tmp_path, "toy")


def test_inventories_do_not_touch_each_other(tmp_path: Path) -> None:
    build(tmp_path, 2023)
    edition.publish(tmp_path, "toy")
    other = write(toy_inventory(2023, "other"), toy_publication(toy_inventory()), tmp_path)
    edition.publish(tmp_path, "other")
    edition.prune(tmp_path, "toy")
    assert dict(edition.current(tmp_path, "other").years) == {2023: other.id}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_publish_that_fails_at_any_step_leaves_the_old_edition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The n-th call of a step fails, for every n until a run passes untouched."""
    build(tmp_path, 2023)
    before = edition.publish(tmp_path, "toy")
    build(tmp_path, 2023, 2)
    real = getattr(os, step)
    failed = 0
    while True:
        left = [failed]

        def fail(*args: object, left: list[int] = left) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(5, "Input/output error")
            return real(*args)

        monkeypatch.setattr(os, step, fail)
        try:
            after = edition.publish(tmp_path, "toy")
            break
        except OSError:
            now = edition.current(tmp_path, "toy").id
            edition.releases(tmp_path, edition.load(tmp_path, "toy", now))
        finally:
            monkeypatch.setattr(os, step, real)
        failed += 1
    assert failed >= 2
    assert after != before
    assert edition.current(tmp_path, "toy").id == after


def test_readers_never_see_a_mixture_while_publishers_are_killed(tmp_path: Path) -> None:
    outcome = stress(tmp_path, publishes=200, kills=20, readers=2)
    assert outcome.mixed == 0, outcome
    assert outcome.errors == [], outcome
    assert outcome.walks > 20, outcome
    assert outcome.gone > 0, outcome
    assert outcome.kills == 20
    assert outcome.publishes >= 200
    for release in edition.releases(tmp_path, edition.current(tmp_path, "toy")).values():
        release.verify()
    edition.prune(tmp_path, "toy")
    assert len(edition.history(tmp_path, "toy")) == 2
    assert not list(tmp_path.rglob(".tmp-*"))
