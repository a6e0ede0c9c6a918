# SPDX-License-Identifier: Apache-2.0
"""What is listed, how it is described, and that a snapshot never changes under its holder."""

import gc
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carbongrid.errors import Gone, InvalidInput, NotFound, UnknownName
from carbonstore.collections import cells, tms
from carbonstore.collections.cell_collection import level_name, renumber
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.fields import CELL_FIELDS, cell_fields
from carbonstore.encode import geojson
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue, Snapshot
from carbonstore.releases.release import write
from tests.toy import scaled, toy_inventory, toy_publication, toy_store


def test_every_published_level_is_listed_twice_and_sources_once(toy: Snapshot) -> None:
    levels = [f"{level}{history}" for level in ("100m", "500m", "1km") for history in ("", "-history")]
    names = (*levels, "buildings", "roads", "forests")
    assert list(toy.collections) == [f"{inventory}-{name}" for inventory in ("toy", "twin") for name in names]
    assert toy.inventories["toy"].all_levels == (100, 500, 1000, 5000, 10000)
    assert toy.inventories["toy"].collection(1000, history=True).id == "toy-1km-history"


def test_newest_is_the_highest_year_whenever_it_was_built(tmp_path: Path) -> None:
    for year in (2023, 2022):
        inventory = toy_inventory(year)
        write(inventory, toy_publication(inventory), tmp_path)
    edition.publish(tmp_path, "toy")
    snapshot = Catalogue(tmp_path).snapshot()
    assert snapshot.collections["toy-100m"].years == (2023,)
    assert snapshot.collections["toy-100m-history"].years == (2022, 2023)


def test_titles_say_level_years_and_that_it_is_synthetic(toy: Snapshot) -> None:
    assert toy.collections["toy-100m"].title == {
        "ko": "장난감 도시 (합성 자료) 탄소지도 100m 격자, 2023",
        "en": "Toy city (synthetic): carbon map, 100m cells, 2023",
    }
    assert toy.collections["toy-1km-history"].title["en"] == "Toy city (synthetic): carbon map, 1km cells, 2022–2023"
    assert toy.collections["twin-1km"].title["en"] == "Toy city: carbon map, 1km cells, 2023"
    assert "A city for tests." in toy.collections["toy-100m"].description["en"]
    assert "시험용 도시입니다." in toy.collections["toy-100m"].description["ko"]


@pytest.mark.parametrize("name", ["toy-100m", "toy-1km-history", "twin-500m"])
def test_the_bbox_is_that_of_the_published_vertices(toy: Snapshot, name: str) -> None:
    collection = toy.collections[name]
    features = geojson.feature_dicts(cells.read(collection, CellQuery()))
    x, y = np.array([f["geometry"]["coordinates"][0] for f in features]).reshape(-1, 2).T
    assert collection.bbox == (x.min(), y.min(), x.max(), y.max())


def test_time_licence_and_crs(toy: Snapshot) -> None:
    korean, uzbek = toy.collections["toy-100m-history"], toy.collections["twin-100m"]
    assert korean.interval == ("2022-01-01", "2023-12-31")
    assert uzbek.interval == ("2023-01-01", "2023-12-31")
    assert korean.attribution == "Carbongrid toy city"
    assert [u.rsplit("/", 1)[1] for u in korean.crs] == ["CRS84", "4326", "3857", "5179", "5186"]
    assert [u.rsplit("/", 1)[1] for u in uzbek.crs] == ["CRS84", "4326", "3857", "32642"]
    assert korean.storage_crs == korean.crs[0]


@pytest.mark.parametrize(
    ("level", "web", "geographic", "korean"),
    [
        (10_000, 0, 0, 0),
        (5_000, 6, 5, 0),
        (1_000, 8, 7, 2),
        (500, 10, 9, 4),
        (100, 12, 11, 6),
        (25, 14, 13, 8),
        (10, 15, 14, 9),
        (200, 11, 10, 5),
    ],
)
def test_zooms_follow_the_level(level: int, web: int, geographic: int, korean: int) -> None:
    assert tms.named("WebMercatorQuad").zooms(level) == (web, 16)
    assert tms.named("WorldCRS84Quad").zooms(level) == (geographic, 15)
    assert tms.named("KR5179").zooms(level) == (korean, 10)


def test_level_names() -> None:
    assert [level_name(n) for n in (10, 100, 500, 1000, 10_000)] == ["10m", "100m", "500m", "1km", "10km"]


def test_fields_are_those_that_say_something(toy: Snapshot) -> None:
    korean, uzbek = toy.collections["toy-100m"].fields, toy.collections["twin-100m"].fields
    assert list(korean)[:5] == ["cell_id", "kr_code", "year", "time_start", "time_end"]
    assert set(korean) - set(uzbek) == {"kr_code", "synthetic"}
    assert not {f for f in korean if f.startswith("data_year")}
    assert [f.name for f in cell_fields(5179, 100, synthetic=False, data_years=["forest"])][-1] == "data_year_forest"
    assert "kr_code" not in toy.inventories["toy"].collection(5000).fields


def test_every_field_is_described_in_both_languages() -> None:
    for field in CELL_FIELDS:
        assert set(field.title) == set(field.description) == {"ko", "en"}
        assert all(text.strip() for text in (*field.title.values(), *field.description.values()))
        assert field.schema("ko")["title"] != field.schema("en")["title"]


def test_a_field_is_a_json_schema_with_unit_and_role() -> None:
    fields = {f.name: f.schema() for f in CELL_FIELDS}
    assert fields["net"]["x-ogc-unit"] == "t{CO2e}/a"
    assert fields["net"]["x-ogc-unitLang"] == "UCUM"
    assert fields["time_start"]["format"] == "date"
    assert fields["time_end"]["x-ogc-role"] == "primary-interval-end"
    assert fields["status"]["enum"] == ["ok", "partial", "missing", "masked"]
    assert set(fields["year"]) == {"title", "description", "type"}


def test_a_snapshot_is_the_same_object_until_a_pointer_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy_store(tmp_path)
    catalogue = Catalogue(tmp_path)
    first = catalogue.snapshot()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} was read"))
        assert catalogue.snapshot() is first
    inventory = toy_inventory(2024)
    write(inventory, toy_publication(inventory), tmp_path)
    assert catalogue.snapshot() is first
    edition.publish(tmp_path, "toy")
    second = catalogue.snapshot()
    assert second.hash != first.hash
    assert (first.collections["toy-100m"].newest, second.collections["toy-100m"].newest) == (2023, 2024)
    assert second.collections["toy-100m-history"].interval == ("2022-01-01", "2024-12-31")


def test_a_new_inventory_shows_without_a_restart(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    assert dict(catalogue.snapshot().collections) == {}
    toy_store(tmp_path, (2023,))
    toy_store(tmp_path, (2023,), "other")
    assert set(catalogue.snapshot().inventories) == {"toy", "other"}


def test_an_older_edition_stays_readable_until_pruned(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    names = []
    for scale in (1, 2, 3):
        inventory = toy_inventory(scale=scale)
        write(inventory, toy_publication(inventory), tmp_path)
        names.append(edition.publish(tmp_path, "toy"))
    snapshot = catalogue.snapshot()
    totals = [
        cells.read(snapshot.at("toy-100m", name), CellQuery()).kg["emission_total"].sum() for name in (*names, None)
    ]
    assert totals == [11559, 2 * 11559, 3 * 11559, 3 * 11559]
    edition.prune(tmp_path, "toy")
    with pytest.raises(Gone):
        snapshot.at("toy-100m", names[0])
    assert snapshot.at("toy-100m", names[1]).edition == names[1]
    with pytest.raises(InvalidInput, match="16 hex digits"):
        snapshot.at("toy-100m", "newest")


def test_an_answer_that_began_before_a_prune_ends_as_it_began(tmp_path: Path) -> None:
    toy_store(tmp_path)
    collection = Catalogue(tmp_path).snapshot().collections["toy-100m-history"]
    shutil.rmtree(tmp_path)
    assert cells.read(collection, CellQuery()).kg["emission_total"].sum() == 3 * 11559


def test_a_server_does_not_hold_what_was_pruned(tmp_path: Path) -> None:
    """After many publishes only the releases of the last few editions are mapped, and no descriptor is left open."""
    catalogue, descriptors = Catalogue(tmp_path), len(list(Path("/proc/self/fd").iterdir()))
    base = toy_inventory()
    for scale in range(1, 31):
        inventory = scaled(base, scale)
        write(inventory, toy_publication(base), tmp_path)
        edition.publish(tmp_path, "toy")
        edition.prune(tmp_path, "toy")
        assert len(cells.read(catalogue.snapshot().collections["toy-100m"], CellQuery())) == 36
    gc.collect()
    maps = Path("/proc/self/maps").read_text()
    held = {line.split("/releases/")[1][:16] for line in maps.splitlines() if f"{tmp_path}/releases/" in line}
    assert 1 <= len(held) <= 10
    if sys.version_info >= (3, 13):
        assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 5


def test_one_broken_inventory_does_not_take_the_others_down(tmp_path: Path) -> None:
    toy_store(tmp_path, (2023,))
    toy_store(tmp_path, (2023,), "other")
    name = edition.current(tmp_path, "other").id
    (tmp_path / "editions/other" / f"{name}.json").write_bytes(b"{}")
    snapshot = Catalogue(tmp_path).snapshot()
    assert set(snapshot.inventories) == {"toy"}
    assert "other" in snapshot.faults
    assert name in snapshot.faults["other"]


def test_names_that_are_not_there(toy: Snapshot) -> None:
    with pytest.raises(NotFound, match=r"no collection 'toy-10km'.*toy-100m"):
        toy.collection("toy-10km")
    with pytest.raises(NotFound, match="no inventory 'seoul'"):
        toy.inventory("seoul")
    with pytest.raises(NotFound, match=r"no year 2022 \(allowed: 2023\)"):
        toy.collections["toy-100m"].release(2022)
    with pytest.raises(UnknownName, match="did you mean 'WebMercatorQuad'"):
        toy.collections["toy-100m"].zooms("WebMercatorQuod")


def test_years_with_different_windows_read_as_one_history(tmp_path: Path) -> None:
    """A year whose boundary was drawn on a larger window counts its cells in the same frame as the others."""
    narrow, wide = toy_inventory(2022), toy_inventory(2023)
    small = narrow.cells[100].window
    large = replace(small, left=small.left - 100, top=small.top + 100, ncol=300, nrow=200)
    moved = {}
    for size, c in wide.cells.items():
        window = large.coarsen(size // 100)
        moved[size] = replace(c, window=window, index=renumber(c.index, c.window, window))
    layers = {
        kind: replace(
            layer, pieces=replace(layer.pieces, window=large, cells=renumber(layer.pieces.cells, small, large))
        )
        for kind, layer in wide.layers.items()
    }
    for inventory in (narrow, replace(wide, cells=moved, layers=layers)):
        write(inventory, toy_publication(inventory), tmp_path)
    edition.publish(tmp_path, "toy")
    history = Catalogue(tmp_path).snapshot().collections["toy-100m-history"]
    batch = cells.read(history, CellQuery())
    assert batch.code.texts[:36] == batch.code.texts[36:]
    assert (batch.kg["net"][:36] == 2 * batch.kg["net"][36:]).all()
    west, south, east, north = history.bbox
    three = CellQuery(bbox=(west, south, west + 0.4 * (east - west), north))  # 240 of 600 m: three of six columns
    assert cells.count(history, three) == 2 * 18
    for batch in (cells.read(history, CellQuery(limit=1, offset=o)) for o in (0, 36, 71)):
        assert cells.get(history, batch.feature_ids[0]).feature_ids == batch.feature_ids
