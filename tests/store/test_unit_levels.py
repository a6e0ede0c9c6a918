# SPDX-License-Identifier: Apache-2.0
"""Units of the map on disk: what is written is what is read, in kilograms, outlines and the row of the rest."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from carbongrid.crs import geodesic_area
from carbongrid.errors import NotFound
from carbonstore.releases.release import Release
from tests.toy import BANDS, ROAD, SHOP, toy_store
from tests.toy_units import CODE_1, CODE_2, toy_units_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return toy_units_release(tmp_path_factory.mktemp("units"))


def kilograms(release: Release, level: str) -> dict[str, list[int]]:
    """Shops and roads by code."""
    units = release.units(level)
    columns = [units.kg[BANDS.index(band)] for band in (SHOP, ROAD)]
    return {code: [int(c[i]) for c in columns] for i, code in enumerate(units.code)}


def test_a_release_holds_every_level_coarse_to_fine(release: Release) -> None:
    assert release.unit_levels == ("nation", "sido", "sigungu", "dong")
    assert release.cell_unit_level == "dong"
    rest = [0, 100]
    assert kilograms(release, "dong") == {CODE_1: [1009, 7500], CODE_2: [0, 1400], "unallocated": rest}
    for level, code in (("nation", "KR"), ("sido", "36"), ("sigungu", "36110")):
        assert kilograms(release, level) == {code: [1009, 8900], "unallocated": rest}
    release.verify()


def test_units_carry_names_shares_and_disjoint_outlines(release: Release) -> None:
    dongs, sigungu, nation = (release.units(level) for level in ("dong", "sigungu", "nation"))
    assert dongs.name.tolist() == ["하나동", "둘동", None]
    first, second = shapely.from_wkb([bytes(dongs.geometry.data[a:b]) for a, b in ((0, 573), (573, 938))])
    assert first.intersection(second).area < 1e-12
    assert geodesic_area(first) == pytest.approx(216_000, rel=1e-3)
    assert dongs.geometry.offsets.tolist() == [0, 573, 938, 938]
    assert dongs.coverage[1] == pytest.approx(70_000 / 102_000, rel=1e-3)
    assert sigungu.coverage[0] == pytest.approx(286_000 / 1_318_000, rel=1e-3)
    assert nation.coverage[0] == pytest.approx(286_000 / 2_318_000, rel=1e-3)
    assert np.isnan(dongs.coverage[-1])


def test_every_cell_knows_the_unit_that_holds_most_of_it(release: Release) -> None:
    rows = release.level(100).unit
    assert rows is not None
    assert rows.reshape(6, 6).tolist() == [[0, 0, 0, 0, -1, -1], *[[0, 0, 0, 0, 1, -1]] * 5]
    assert [release.level(size).unit.tolist() for size in (500, 1000, 10_000)] == [[0, 1, 0, 1], [0, 1, 0, 1], [0]]  # type: ignore[union-attr]


def test_the_manifest_says_what_is_wrong_with_the_outlines(release: Release) -> None:
    nation, *_, dong = release.manifest["units"]
    assert {k: dong[k] for k in ("level", "digits", "count", "rest")} == {
        "level": "dong",
        "digits": 10,
        "count": 2,
        "rest": "unallocated",
    }
    assert dong["title"] == {"ko": "법정동", "en": "Legal dongs (beopjeong-dong)"}
    assert dong["closure"] == {"overlap_m2": 10_000, "overlapping": 1, "gap_m2": 44_000, "outside_m2": 32_000}
    assert nation["closure"] is None
    west, south, east, north = dong["extent"]
    assert (round(west, 4), round(south, 4), round(east, 4), round(north, 4)) == (127.3291, 36.509, 127.3347, 36.5162)


def test_other_programs_read_the_rest_as_null(release: Release) -> None:
    table = pa.ipc.open_file(str(release.path / "units-dong.arrow")).read_all()
    assert table["geometry"].null_count == table["name"].null_count == 1
    assert shapely.from_wkb(table["geometry"][0].as_py()).geom_type == "Polygon"


def test_a_release_without_units_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    plain = toy_store(tmp_path_factory.mktemp("plain"), (2023,))[0]
    assert plain.unit_levels == ()
    assert plain.cell_unit_level is None
    assert plain.level(100).unit is None
    with pytest.raises(NotFound, match="no units 'dong'"):
        plain.units("dong")
