# SPDX-License-Identifier: Apache-2.0
"""The read path against the table in tests/toy.py and against brute force."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, NotFound, UnknownName
from carbongrid.grid import Grid, Window, kr_code
from carbongrid.inventory import Pieces
from carbonstore import text
from carbonstore.collections import cells, quads
from carbonstore.collections.cell_batch import CellBatch
from carbonstore.collections.cells import CellQuery, Elsewhere
from carbonstore.collections.collection import Collection
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue, Snapshot
from carbonstore.releases.release import write
from tests.toy import of_cells, toy_cell, toy_inventory, toy_publication


@pytest.fixture
def city(toy: Snapshot) -> Collection:
    return toy.collections["toy-100m"]


@pytest.fixture
def history(toy: Snapshot) -> Collection:
    return toy.collections["toy-100m-history"]


def record(collection: Collection, east: int, north: int, year: int = 2023) -> dict[str, object]:
    """One record of the toy by the corner of its cell."""
    batch = cells.get(collection, f"{toy_cell(east, north)}.{year}")
    return {name: None if c.null[0] else c.values[0] for name, c in batch.columns.items()}


def ids(batch: CellBatch) -> list[str]:
    return batch.feature_ids


def test_a_cell_with_two_sectors_is_their_sum(city: Collection) -> None:
    house = record(city, -300, -200)
    assert house["emission_buildings"] == 1.5
    assert house["emission_buildings_scope1"] == 0.5
    assert house["emission_buildings_scope2"] == 1.0
    assert house["emission_transport"] == 0.91
    assert house["emission_total"] == 2.41
    assert house["emission_total_u95"] == 0.241


def test_forest_is_growth_minus_loss_and_net_is_emission_minus_forest(city: Collection) -> None:
    stand = record(city, -300, 300)
    assert stand["absorption_forest_gross"] == 1.001
    assert stand["absorption_forest"] == 0.751
    assert stand["net"] == -0.751
    assert stand["net_u95"] == 0.075


def test_null_is_not_zero(city: Collection) -> None:
    """South of the forest's extent forest is null; within it, without trees, it is zero. net sums what is known."""
    south, north = record(city, -300, -200), record(city, 100, 200)
    assert (south["absorption_forest"], south["absorption_forest_gross"], south["absorption_forest_u95"]) == (None,) * 3
    assert south["net"] == south["emission_total"]
    assert (north["absorption_forest"], north["emission_total"], north["net"]) == (0, 0, 0)


def test_status_and_missing(city: Collection) -> None:
    known = {
        (e, n): (record(city, e, n)["status"], record(city, e, n)["missing"])
        for e, n in [(0, 100), (0, -100), (0, -200)]
    }
    assert known == {(0, 100): ("ok", None), (0, -100): ("partial", "forest"), (0, -200): ("partial", "forest")}
    shed = record(city, 100, 300)
    assert (shed["status"], shed["missing"], shed["emission_buildings"]) == ("partial", "buildings", 0)


def test_what_describes_the_record(city: Collection) -> None:
    cell = record(city, 200, 0)
    assert cell["cell_id"] == toy_cell(200, 0)
    assert cell["kr_code"] == "다바852350"
    assert (cell["year"], cell["time_start"], cell["time_end"]) == (2023, "2023-01-01", "2023-12-31")
    assert cell["area_m2"] == pytest.approx(5000, rel=2e-3)
    assert (cell["quality"], cell["synthetic"]) == (3, True)


def test_a_collection_adds_up_to_the_manifest(toy: Snapshot) -> None:
    for collection in of_cells(toy):
        batch = cells.read(collection, CellQuery())
        for year in collection.years:
            stated = collection.release(year).manifest["totals"]["kg"]
            for name in ("emission_total", "absorption_forest", "absorption_forest_gross", "net"):
                assert batch.kg[name][batch.year == year].sum() == stated[name]


def test_numbers_are_whole_kilograms_and_the_doubles_json_gives(square: Snapshot) -> None:
    column = cells.read(square.collections["square-100m"], CellQuery()).column("emission_total")
    kg = column.scaled  # type: ignore[union-attr]
    assert kg.dtype == np.int64
    assert column.values.tolist() == [float(f"{v // 1000}.{v % 1000:03d}") for v in kg.tolist()]


def test_where_every_sector_is_null_all_is_null(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("null")
    inventory = toy_inventory()
    blank = {
        size: replace(
            c,
            kg=c.kg * 0,
            u95=c.u95 * 0,
            null=c.null | np.uint8(7),
            incomplete=c.null | np.uint8(7),
            quality=c.quality * 0,
        )
        for size, c in inventory.cells.items()
    }
    no = np.empty(0, np.int64)
    none = {
        kind: replace(
            layer,
            lines=replace(layer.lines, kg=layer.lines.kg * 0),
            pieces=Pieces(layer.pieces.window, no, np.zeros(1, np.int64), no.astype(np.int32), no),
        )
        for kind, layer in inventory.layers.items()
    }
    release = write(replace(inventory, cells=blank, layers=none), toy_publication(inventory), root)
    assert release.manifest["totals"]["kg"]["net"] is None
    assert release.manifest["state"] == {"status": "missing", "missing": "buildings,transport,forest"}
    edition.publish(root, "toy")
    lone = record(Catalogue(root).snapshot().collections["toy-100m"], 0, 0)
    assert lone["status"] == "missing"
    assert lone["missing"] == "buildings,transport,forest"
    assert {lone[n] for n in ("net", "net_u95", "emission_total", "absorption_forest", "quality")} == {None}


def test_data_years_show_where_they_differ(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("years")
    for year, given in ((2022, {"forest": 2020, "buildings": 2022}), (2023, {"forest": 2020})):
        inventory = toy_inventory(year)
        write(inventory, replace(toy_publication(inventory), data_years=given), root)
    edition.publish(root, "toy")
    collection = Catalogue(root).snapshot().collections["toy-100m-history"]
    assert [f for f in collection.fields if f.startswith("data_year")] == ["data_year_forest"]
    assert record(collection, 0, 100)["data_year_forest"] == 2020
    assert record(collection, 0, -200)["data_year_forest"] is None


def published_quads(collection: Collection) -> dict[str, shapely.Polygon]:
    """Each cell as a client draws it, in 1e-7 degrees so that touching is exact."""
    batch = cells.read(collection, CellQuery())
    x, y, of = quads.vertices(batch.window, batch.key)
    rings = np.stack([x[of], y[of]], axis=2).astype(float)
    return dict(zip(ids(batch), [shapely.Polygon(ring) for ring in rings], strict=True))


def test_bbox_finds_what_brute_force_finds(square: Snapshot) -> None:
    collection = square.collections["square-100m"]
    drawn = published_quads(collection)
    tree, names = shapely.STRtree(list(drawn.values())), np.array(list(drawn))
    west, south, east, north = collection.bbox
    rng = np.random.default_rng(5)
    for _ in range(60):
        lon, lat = (
            np.sort(rng.uniform(west - 0.01, east + 0.01, 2)),
            np.sort(rng.uniform(south - 0.01, north + 0.01, 2)),
        )
        if rng.random() < 0.5:  # small boxes and slivers
            lon[1], lat[1] = lon[0] + rng.choice([0, 1e-7, 1e-3]), lat[0] + rng.choice([0, 1e-7, 1e-3])
        box = tuple(np.round([lon[0], lat[0], lon[1], lat[1]], 7).tolist())
        expected = names[np.sort(tree.query(shapely.box(*(np.rint(np.array(box) * 1e7))), "intersects"))]
        query = CellQuery(bbox=box)
        assert ids(cells.read(collection, query)) == expected.tolist(), box
        assert cells.count(collection, query) == len(expected)


def test_touching_by_a_corner_or_an_edge_is_in_and_the_next_unit_is_out(city: Collection) -> None:
    drawn = published_quads(city)
    corner = drawn[f"{toy_cell(0, 0)}.2023"].exterior.coords[0]
    lon, lat = corner[0] / 1e7, corner[1] / 1e7
    around = {f"{toy_cell(e, n)}.2023" for e in (-100, 0) for n in (-100, 0)}
    assert set(ids(cells.read(city, CellQuery(bbox=(lon, lat, lon, lat))))) == around
    west, south, _, north = city.bbox
    edge = cells.read(city, CellQuery(bbox=(west - 1, south, west, north)))
    assert len(edge) == 1
    assert cells.count(city, CellQuery(bbox=(west - 1, south, west - 1e-7, north))) == 0
    assert cells.count(city, CellQuery(bbox=(-180, -90, 180, 90))) == 36


def lattice(window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Published corner vertices of a whole window."""
    west, south, east, north = window.bounds
    x, y = np.linspace(west, east, window.ncol + 1), np.linspace(north, south, window.nrow + 1)
    return quads.project(*np.meshgrid(x, y), window.grid.crs, quads.WGS84)


def test_the_central_meridian_is_a_cell_edge_that_both_sides_touch() -> None:
    """127.5 E is easting 1,000,000 in EPSG:5179: boxes that end there end on cell edges, all the way up."""
    window = Window(Grid(5179, 100), 9_990, 18_400, 20, 40)
    _, lat = lattice(window)
    mask = quads.touching(window, (127.4, lat.min() / 1e7, 127.5, lat.max() / 1e7))
    assert mask[:, :11].all()
    assert not mask[:, 11:].any()


@pytest.mark.parametrize("size", [100, 10_000])
def test_blocks_settled_by_their_corners_are_settled_rightly(size: int) -> None:
    window = Window(Grid(5179, size), 9_000 * 100 // size, 18_400 * 100 // size, 61, 45)
    lon, lat = (v.astype(float) for v in lattice(window))
    rng = np.random.default_rng(3)
    for _ in range(30):
        x, y = np.sort(rng.uniform(lon.min(), lon.max(), 2)), np.sort(rng.uniform(lat.min(), lat.max(), 2))
        box = (x[0] / 1e7, y[0] / 1e7, x[1] / 1e7, y[1] / 1e7)
        limits = np.array([v * 1e7 for v in box])
        np.testing.assert_array_equal(quads.touching(window, box), quads.meets(lon[None], lat[None], limits, 0.0)[0])


@pytest.mark.parametrize("bbox", [(1, 2, 3), (float("nan"), 0, 1, 1), (0, 0, float("inf"), 1), (0, 2, 1, 1)])
def test_a_bbox_that_is_none_is_refused(city: Collection, bbox: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput, match="west,south,east,north"):
        cells.read(city, CellQuery(bbox=bbox))  # type: ignore[arg-type]


def test_a_bbox_may_cross_the_antimeridian(city: Collection) -> None:
    west, south, east, north = city.bbox
    middle = (west + east) / 2
    round_the_world = cells.read(city, CellQuery(bbox=(middle, south, west - 1, north)))
    assert ids(round_the_world) == ids(cells.read(city, CellQuery(bbox=(middle, south, 180, north))))
    assert cells.count(city, CellQuery(bbox=(middle + 0.0001, south, middle - 0.0001, north))) == 36


def test_history_is_ordered_by_year_then_cell(history: Collection) -> None:
    batch = cells.read(history, CellQuery())
    assert batch.year.tolist() == [2022] * 36 + [2023] * 36
    assert ids(batch)[0] == f"{toy_cell(-300, 300)}.2022"
    assert (np.diff(batch.key[:36]) > 0).all()
    assert (batch.kg["net"][:36] == 2 * batch.kg["net"][36:]).all()
    only = cells.read(history, CellQuery(years=(2022, 1999)))
    assert set(only.year.tolist()) == {2022}


QUERIES = [
    CellQuery(),
    CellQuery(sortby=("-emission_total",)),
    CellQuery(sortby=("absorption_forest", "-year")),
    CellQuery(sortby=("status", "+cell_id")),
    CellQuery(where=(("emission_total", "1.01"),)),
    CellQuery(bbox=(127.33, 36.511, 127.334, 36.514), sortby=("-net",)),
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("limit", [1, 7, 36, 100])
def test_pages_by_cursor_and_by_offset_are_the_whole(history: Collection, query: CellQuery, limit: int) -> None:
    whole = cells.read(history, query)
    assert whole.next_cursor is None
    by_cursor: list[str] = []
    by_offset: list[str] = []
    cursor = None
    while True:
        page = cells.read(history, replace(query, limit=limit, cursor=cursor))
        assert page.matched == len(whole) == cells.count(history, query)
        by_cursor += ids(page)
        by_offset += ids(cells.read(history, replace(query, limit=limit, offset=len(by_offset))))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert by_cursor == by_offset == ids(whole)
    assert len(whole) > 0


@pytest.mark.parametrize("query", QUERIES)
def test_a_page_holds_the_same_values_as_the_whole(history: Collection, query: CellQuery) -> None:
    whole, page = cells.read(history, query), cells.read(history, replace(query, offset=2, limit=5))
    for name, column in page.columns.items():
        assert column.values.tolist() == whole.column(name).values[2:7].tolist(), name


def test_sorting_is_stable_and_nulls_come_last_either_way(city: Collection) -> None:
    for key in ("absorption_forest", "-absorption_forest"):
        batch = cells.read(city, CellQuery(sortby=(key,)))
        column = batch.column("absorption_forest")
        assert column.null.tolist() == [False] * 30 + [True] * 6
        values = column.values[:30]
        assert values.tolist() == sorted(values, reverse=key.startswith("-"))
        equal = np.diff(values) == 0
        assert (np.diff(batch.key[:30])[equal] > 0).all()


def test_a_cursor_is_ours_or_refused(history: Collection, toy: Snapshot) -> None:
    cursor = cells.read(history, CellQuery(limit=1)).next_cursor
    assert cursor is not None
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for wrong in ("", "x", cursor[:-3], "한글", "%%%", cursor + "A"):
        with pytest.raises(InvalidInput, match="cursor"):
            cells.read(history, CellQuery(cursor=wrong))
    with pytest.raises(InvalidInput, match="cursor"):
        cells.read(toy.collections["twin-100m"], CellQuery(cursor=cursor))
    with pytest.raises(InvalidInput, match="does not belong to this query"):
        cells.read(history, CellQuery(cursor=cursor, sortby=("net",), years=(2023,)))


def test_ids_choose_records_in_natural_order(history: Collection) -> None:
    a, b = f"{toy_cell(0, 0)}.2023", f"{toy_cell(100, 100)}.2022"
    query = CellQuery(
        ids=(a, b, a, "CRS5179RES100mN0E0.2023", f"{toy_cell(0, 0)}.1999", "nonsense", f"{toy_cell(0, 0)}.")
    )
    assert ids(cells.read(history, query)) == [b, a]
    with pytest.raises(InvalidInput, match="too many"):
        cells.read(history, CellQuery(ids=(a,) * 10_001))


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("emission_total", "1.01", 4),
        ("emission_total", 1.01, 4),
        ("emission_total", "1.010000", 4),
        ("emission_total", "1.0100001", 0),
        ("emission_total", "nan", 0),
        ("emission_total", "1e300", 0),
        ("absorption_forest", "0", 26),
        ("status", "partial", 13),
        ("status", "masked", 0),
        ("missing", "buildings", 1),
        ("year", "2023", 36),
        ("year", "2022", 0),
        ("synthetic", "true", 36),
        ("synthetic", True, 36),
        ("synthetic", "false", 0),
        ("cell_id", toy_cell(0, 0), 1),
        ("cell_id", "nonsense", 0),
        ("kr_code", "다바850350", 1),
        ("kr_code", "다바8535", 0),
        ("time_start", "2023-01-01", 36),
        ("quality", "2", 18),
    ],
)
def test_equality(city: Collection, name: str, value: object, count: int) -> None:
    batch = cells.read(city, CellQuery(where=((name, value),)))
    assert len(batch) == count
    everything = cells.read(city, CellQuery()).column(name)
    if isinstance(value, str) and count and everything.values.dtype == object and name != "synthetic":
        assert sum(v == value for v in everything.values) == count


def test_equalities_must_all_hold(city: Collection) -> None:
    query = CellQuery(where=(("status", "partial"), ("missing", "forest"), ("emission_transport", "1.01")))
    assert len(cells.read(city, query)) == 4
    assert cells.count(city, CellQuery(where=(("status", "ok"), ("missing", "forest")))) == 0
    with pytest.raises(InvalidInput, match="'much' is no number"):
        cells.count(city, CellQuery(where=(("net", "much"),)))


def test_properties_come_in_published_order(city: Collection) -> None:
    batch = cells.read(city, CellQuery(properties=("net", "cell_id"), limit=1))
    assert list(batch.columns) == ["cell_id", "net"]
    assert list(cells.read(city, CellQuery(limit=1)).columns) == list(city.fields)


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        (CellQuery(properties=("emision_total",)), "did you mean 'emission_total'"),
        (CellQuery(sortby=("-ned",)), "unknown property 'ned'"),
        (CellQuery(where=(("kg", "1"),)), "unknown property 'kg'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(city: Collection, query: CellQuery, hint: str) -> None:
    with pytest.raises(UnknownName, match=hint):
        cells.read(city, query)


def test_limits(city: Collection) -> None:
    none = cells.read(city, CellQuery(limit=0))
    assert (len(none), none.matched, none.next_cursor) == (0, 36, None)
    assert len(cells.read(city, CellQuery(offset=1000, limit=5))) == 0
    for wrong in (CellQuery(offset=-1), CellQuery(limit=-1)):
        with pytest.raises(InvalidInput, match="negative"):
            cells.read(city, wrong)


def test_codes_agree_with_the_grid(square: Snapshot, toy: Snapshot) -> None:
    for collection in (*of_cells(square), *of_cells(toy)):
        batch = cells.read(collection, CellQuery(limit=500))
        found = [batch.window.cell(i) for i in batch.key]
        assert batch.code.values.tolist() == [batch.window.grid.code(c) for c in found]
        if "kr_code" in collection.fields:
            assert batch.column("kr_code").values.tolist() == [kr_code(c) for c in found]


def test_a_cell_beyond_the_lettered_squares_has_no_korean_code() -> None:
    east, north = (
        np.array([700_000, 699_900, 1_400_000, 1_399_900]),
        np.array([1_300_000, 1_300_000, 1_300_000, 2_099_900]),
    )
    assert text.kr_codes(100, east, north)[2].tolist() == [0, -1, -1, 3]


def test_one_record_by_its_id(city: Collection) -> None:
    batch = cells.get(city, f"{toy_cell(0, 0)}.2023")
    assert ids(batch) == [f"{toy_cell(0, 0)}.2023"]


def test_a_bare_cell_leads_to_its_newest_record(city: Collection) -> None:
    with pytest.raises(Elsewhere) as found:
        cells.get(city, toy_cell(0, 0))
    assert (found.value.collection, found.value.feature) == ("toy-100m", f"{toy_cell(0, 0)}.2023")
    assert found.value.redirect


def test_a_year_no_longer_newest_is_in_the_history(city: Collection, history: Collection) -> None:
    with pytest.raises(Elsewhere, match="not the newest") as found:
        cells.get(city, f"{toy_cell(0, 0)}.2022")
    assert (found.value.collection, found.value.redirect) == ("toy-100m-history", False)
    assert len(cells.get(history, found.value.feature)) == 1


@pytest.mark.parametrize(
    "wrong", ["x", "", ".", "CRS5179RES100mN0E0", "CRS5179RES100mN0E0.2023", toy_cell(0, 0) + ".2021"]
)
def test_a_record_that_is_not_there(city: Collection, history: Collection, wrong: str) -> None:
    for collection in (city, history):
        with pytest.raises(NotFound) as found:
            cells.get(collection, wrong)
        assert not isinstance(found.value, Elsewhere)


def test_a_number_spelt_otherwise_is_not_an_id(city: Collection) -> None:
    """One record has one id: no leading zeros, no other digits."""
    cell = toy_cell(0, 0)
    for wrong in (cell.replace("N1", "N01") + ".2023", cell + ".02023", cell + ".2023.0", cell + ".٢٠٢٣"):
        with pytest.raises(NotFound):
            cells.get(city, wrong)
