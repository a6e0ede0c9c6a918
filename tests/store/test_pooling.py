# SPDX-License-Identifier: Apache-2.0
"""From meter files to a map in which no meter can be read: sources with pools, builds, editions of one year."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest

from carbongrid import buildings
from carbongrid.disclosure import Rule
from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbonstore.building.build import build
from carbonstore.releases import pools as store
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.edition import publish
from carbonstore.releases.stored import Release
from carbonstore.sources import Reading, read_sources
from carbonstore.sources.pooling import Pooling
from tests.store.inventories import CRS, PLACE, context, spec, square

RULE = Rule()
FACTORS = FactorSet.load("kor")
N = 24
"""Houses of the village, three to a cell of 100 m, in two rows."""
PNU = [f"11710101001{i:04d}0000" for i in range(N)]
KWH = [1000.0 + 70 * i for i in range(N)]


def village(folder: Path, pnu: Sequence[str | None] = PNU, **columns: Any) -> None:
    """Houses of 10, 14 and 18 m side, each on its parcel."""
    n = len(pnu)
    place = [square(100 * (i // 3 % 4) + 25 * (i % 3), 1000 * (i // 12), 10 + 4 * (i % 3)) for i in range(n)]
    frame = geopandas.GeoDataFrame({"pnu": list(pnu), "use": ["02000"] * n, **columns}, geometry=place, crs=CRS)
    frame.to_file(folder / "houses.gpkg")


def meters(folder: Path, energy: Mapping[str, float]) -> None:
    rows = [f"{pnu}|2024|{kwh}" for pnu, kwh in energy.items()]
    (folder / "energy.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


def read(folder: Path, pooling: Pooling | None, *, column: str = "electricity_kwh", joined: bool = True) -> Reading:
    specs = [spec(folder, kind="table", path="houses.gpkg", provides=["buildings"])]
    if joined:
        columns = ["pnu", "year", column]
        specs.append(spec(folder, kind="delimited", path="energy.txt", join="pnu", separator="|", columns=columns))
    places = [replace(s, place=f"test.toml: source {i}") for i, s in enumerate(specs, 1)]
    return read_sources(places, context(2024), pooling)


def energy(reading: Reading, column: str = "electricity_kwh") -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(reading.tables[0].table.columns[column], np.float64)


def test_each_cell_of_three_shares_by_floor_area(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    pooled = read(tmp_path, Pooling(RULE, "test"))
    assert pooled.pooled is not None
    assert len(pooled.pooled.pools) == N // 3
    assert energy(pooled)[:3] == pytest.approx(3210 * np.array([100, 196, 324]) / 620, rel=1e-9)
    assert energy(pooled).sum() == pytest.approx(sum(KWH), rel=1e-12)
    assert pooled.pooled.report["pooled"]["100"] == N
    assert pooled.pooled.report["moved"] == {"electricity_kwh": {"100": 0.0, "500": 0.0, "1000": 0.0}}
    assert np.isnan(energy(pooled, "gas_kwh_gcv")).all(), "no meter stays no meter"


def test_without_pools_meters_are_as_they_were_read(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    raw = read(tmp_path, None)
    assert raw.pooled is None
    assert energy(raw).tolist() == KWH


def test_no_report_adds_up_what_a_parcel_without_a_house_uses(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, {**dict(zip(PNU, KWH, strict=True)), "1171010100199990000": 123_456.0})
    reports = read(tmp_path, Pooling(RULE, "test")).reports
    join = reports[1].join
    assert join is not None
    assert join.left_orphans == 1
    assert (join.left_sums, join.matched_sums) == ({}, {})
    assert "123456" not in str([r.as_dict() for r in reports])


def test_a_parcel_that_fits_into_no_pool_is_modelled(tmp_path: Path) -> None:
    village(tmp_path, PNU[:4])
    meters(tmp_path, {PNU[0]: 1000.0, PNU[1]: 1000.0, PNU[2]: 1000.0, PNU[3]: 1e7})
    pooled = read(tmp_path, Pooling(RULE, "test"))
    assert pooled.pooled is not None
    assert pooled.pooled.report["modelled"] == 1
    assert np.isnan(energy(pooled)[3])
    assert energy(pooled)[:3].sum() == pytest.approx(3000)


def test_meters_that_a_building_file_brings_are_pooled_too_with_and_without_parcel_numbers(tmp_path: Path) -> None:
    village(tmp_path, [None] * N, electricity_kwh=KWH)
    pooled = read(tmp_path, Pooling(RULE, "test"), joined=False)
    assert energy(pooled)[:3] == pytest.approx(3210 * np.array([100, 196, 324]) / 620, rel=1e-9)
    village(tmp_path, ["1171010100100010000"] * 3, electricity_kwh=KWH[:3])
    assert np.isnan(energy(read(tmp_path, Pooling(RULE, "test"), joined=False))).all(), "one parcel is no pool"


def test_parcels_are_known_again_when_rows_shift(tmp_path: Path) -> None:
    """Houses without parcel numbers: the next file has one more in front, which alone is late."""
    village(tmp_path, [None] * N, electricity_kwh=KWH)
    first = read(tmp_path, Pooling(RULE, "test"), joined=False)
    assert first.pooled is not None
    frame = geopandas.read_file(tmp_path / "houses.gpkg")
    new = frame.iloc[[0]].set_geometry([square(2000, 2000, 10)])
    geopandas.GeoDataFrame(pd.concat([new, frame.iloc[::-1]])).to_file(tmp_path / "houses.gpkg")
    second = read(tmp_path, Pooling(RULE, "test", first.pooled.pools), joined=False)
    assert second.pooled is not None
    assert not second.pooled.pools.waiting.any()
    assert second.pooled.report["modelled"] == 1
    assert energy(second)[1:][::-1].tolist() == energy(first).tolist()


def test_gas_that_is_burnt_elsewhere_is_shared_out_to_nobody(tmp_path: Path) -> None:
    """A filling station among six houses: its gas goes to no house, and it takes none of theirs."""
    codes = FACTORS.codes("building_uses", "gas_meter")
    station = next(code for code, meter in codes.items() if meter == "left_out" and code.isdigit())
    village(tmp_path, PNU[:7], use=[*["02000"] * 6, station])
    meters(tmp_path, {**dict.fromkeys(PNU[:6], 1000.0), PNU[6]: 900_000.0})
    left_out = partial(buildings.meters_left_out, factors=FACTORS)
    pooled = read(tmp_path, Pooling(RULE, "test", left_out=left_out), column="gas_kwh_gcv")
    assert energy(pooled, "gas_kwh_gcv")[:6].sum() == pytest.approx(6000, rel=1e-12)
    assert pooled.pooled is not None
    assert pooled.pooled.report["parcels"] == 6
    notes = buildings.estimate(pooled.tables[0].table, FACTORS, 2024).notes
    assert notes["gas_meters_left_out"] == 1


# --- whole builds -------------------------------------------------------------------------------------------------


def inventory(folder: Path, **head: str) -> Path:
    """The village as an inventory file."""
    geopandas.GeoSeries([PLACE], crs="OGC:CRS84").to_file(folder / "place.geojson", driver="GeoJSON")
    more = "".join(f'{key} = "{value}"\n' for key, value in head.items())
    terms = 'licence = "CC0-1.0"\nattribution = "Test"\n'
    text = f"""
[inventory]
id = "village"
title = {{ ko = "마을", en = "Village" }}
country = "kor"
year = 2024
boundary = "place.geojson"
{more}
[[source]]
kind = "table"
path = "houses.gpkg"
provides = ["buildings"]
{terms}
[[source]]
kind = "delimited"
path = "energy.txt"
join = "pnu"
separator = "|"
columns = ["pnu", "year", "electricity_kwh"]
{terms}"""
    (folder / "village.toml").write_text(text, encoding="utf-8")
    return folder / "village.toml"


def activity(release: Release) -> list[float]:
    """Published energy of every house, kWh."""
    layer = release.layer("buildings")
    mwh = layer.lines.activity
    kwh = dict(zip(layer.id[layer.lines.source].tolist(), (1000 * mwh).tolist(), strict=True))
    return [kwh[f"row/{i}"] for i in range(1, len(layer.id) + 1)]


def test_two_worlds_with_the_same_sums_of_pools_look_the_same(tmp_path: Path) -> None:
    """The strongest statement: whatever is computed from a release cannot tell which of the two worlds it is of,
    although every single meter reads something else."""
    folders = [tmp_path / name for name in "ab"]
    other = [kwh + (40, -15, -25)[i % 3] for i, kwh in enumerate(KWH)]
    made = []
    for folder, kwh in zip(folders, (KWH, other), strict=True):
        folder.mkdir()
        village(folder)
        meters(folder, dict(zip(PNU, kwh, strict=True)))
        made.append(build(inventory(folder), folder / "data"))
    one, two = made
    assert set(one.manifest["files"]) == set(two.manifest["files"])
    for name in one.manifest["files"]:
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes(), name
    differs = {key for key in one.manifest if one.manifest[key] != two.manifest[key]}
    assert differs == {"inputs"}, "only the hash of the meter file"


def test_a_second_edition_of_a_year_shows_late_parcels_only_among_themselves(tmp_path: Path) -> None:
    village(tmp_path)
    path, data = inventory(tmp_path), tmp_path / "data"
    early = dict(zip(PNU[:19], KWH, strict=False))
    meters(tmp_path, early)
    first = build(path, data)
    meters(tmp_path, early | {PNU[19]: 5000.0})
    one_late = build(path, data)
    assert activity(one_late) == activity(first), "a single late parcel must wait"
    meters(tmp_path, early | dict.fromkeys(PNU[19:], 5000.0))
    all_late = build(path, data)
    assert activity(all_late)[:18] == activity(first)[:18]
    assert activity(all_late)[19:] != activity(first)[19:]
    for release in (first, one_late, all_late):
        release.verify()
    assert build(path, data).id == all_late.id, "the same inputs again"


def test_a_correction_of_a_single_meter_waits(tmp_path: Path) -> None:
    village(tmp_path)
    path, data = inventory(tmp_path), tmp_path / "data"
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    first = build(path, data)
    meters(tmp_path, dict(zip(PNU, [*KWH[:-1], 9999.0], strict=True)))
    second = build(path, data)
    assert activity(second) == activity(first)
    assert second.manifest["report"]["disclosure"]["waiting"] == {"electricity_kwh": 1}
    meters(tmp_path, dict(zip(PNU, [*KWH[:-3], 3500.0, 3600.0, 3700.0], strict=True)))
    third = build(path, data)
    third.verify()
    assert activity(third)[:-3] == activity(first)[:-3]
    assert sum(activity(third)[-3:]) == pytest.approx(10_800)


def test_without_the_private_values_every_correction_waits(tmp_path: Path) -> None:
    village(tmp_path)
    path, data = inventory(tmp_path), tmp_path / "data"
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    first = build(path, data)
    for file in (data / store.PRIVATE).iterdir():
        file.unlink()
    meters(tmp_path, dict(zip(PNU, [2 * k for k in KWH], strict=True)))
    second = build(path, data)
    assert activity(second) == activity(first)
    assert second.manifest["report"]["disclosure"]["waiting"] == {"electricity_kwh": N // 3}
    second.verify()


def test_a_collection_says_that_its_meters_are_pooled(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    build(inventory(tmp_path), tmp_path / "data")
    publish(tmp_path / "data", "village")
    description = Catalogue(tmp_path / "data").snapshot().collections["village-100m"].description
    assert "no value is that of a single parcel" in description["en"]
    assert "개별 필지의 사용량이 아닙니다" in description["ko"]


def test_a_part_of_a_pool_is_no_surer_than_an_intensity(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    pooled = build(inventory(tmp_path), tmp_path / "data").layer("buildings")
    assert set(pooled.quality.tolist()) == {buildings.QUALITY_POOLED} == {3}
    assert set(pooled.lines.u_own.tolist()) == {30.0}
    assert not pooled.imputed.any()
    shown = build(inventory(tmp_path, disclosure="open"), tmp_path / "data").layer("buildings")
    assert set(shown.quality.tolist()) == {buildings.QUALITY_METERED} == {2}
    assert set(shown.lines.u_own.tolist()) == {5.0}


def test_open_data_are_shown_as_they_are(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    release = build(inventory(tmp_path, disclosure="open"), tmp_path / "data")
    assert activity(release) == pytest.approx(KWH, rel=1e-12)
    assert release.pools is None
    assert "disclosure" not in release.manifest["report"]
    assert not (tmp_path / "data" / store.PRIVATE).exists()
    assert not any("parcel" in note["en"] for note in release.manifest["notes"])


def test_the_rule_of_a_year_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    build(inventory(tmp_path), tmp_path / "data")
    stricter = replace(FACTORS, country=replace(FACTORS.country, disclosure=Rule(contributors=5)))
    monkeypatch.setattr("carbongrid.factors.FactorSet.load", lambda *_: stricter)
    with pytest.raises(InvalidInput, match="another rule"):
        build(tmp_path / "village.toml", tmp_path / "data")
