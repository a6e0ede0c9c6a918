# SPDX-License-Identifier: Apache-2.0
"""A client's region: what is accepted, and what is refused with which place and which suspect."""

import copy
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import mapping

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput, TooLarge
from carbongrid.region import MAX_POLYGONS, MAX_VERTICES, Region
from tests.shapes import window

SQUARE = [[127.0, 37.0], [127.1, 37.0], [127.1, 37.1], [127.0, 37.1], [127.0, 37.0]]
AWAY = [[128.0, 36.0], [128.1, 36.0], [128.1, 36.1], [128.0, 36.0]]
GERMANY = (9.655, 50.8366, 9.80, 50.89)


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": geometry}


def collection(*geometries: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": [feature(g) for g in geometries]}


def refusal(value: object, **options: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        Region.from_geojson(value, **options)
    return caught.value


@pytest.mark.parametrize(
    "value",
    [
        polygon(SQUARE),
        polygon(SQUARE[::-1]),
        polygon([[x, y, 12.5] for x, y in SQUARE]),
        {"type": "MultiPolygon", "coordinates": [[SQUARE]]},
        feature(polygon(SQUARE)),
        collection(polygon(SQUARE)),
        polygon(SQUARE) | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}},
        polygon(tuple(tuple(p) for p in SQUARE)),
    ],
)
def test_forms_of_one_square(value: dict[str, Any]) -> None:
    assert Region.from_geojson(value).polygon.equals(shapely.box(127.0, 37.0, 127.1, 37.1))


def test_holes_and_parts() -> None:
    hole = [[127.02, 37.02], [127.04, 37.02], [127.04, 37.04], [127.02, 37.02]]
    value = {"type": "MultiPolygon", "coordinates": [[SQUARE, hole], [AWAY]]}
    region = Region.from_geojson(value).polygon
    assert region.area == pytest.approx(0.01 - 0.0002 + 0.005)
    assert Region.from_geojson(mapping(region)).polygon.equals(region)


def test_features_of_a_collection_are_merged_and_overlaps_count_once() -> None:
    shifted = [[x + 0.05, y] for x, y in SQUARE]
    assert Region.from_geojson(
        collection(polygon(SQUARE), polygon(shifted), polygon(AWAY))
    ).polygon.area == pytest.approx(0.015 + 0.005)


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        (None, "", "must be a GeoJSON object"),
        ([], "", "must be a GeoJSON object"),
        ({}, "/type", "type None is no region"),
        ({"type": "Point", "coordinates": [1, 2]}, "/type", "type 'Point' is no region"),
        (feature({"type": "LineString", "coordinates": SQUARE}), "/geometry/type", "type 'LineString' is no region"),
        (feature(None), "/geometry", "must be a GeoJSON object"),
        (feature(feature(polygon(SQUARE))), "/geometry/type", "type 'Feature' is no region"),
        (
            {"type": "FeatureCollection", "features": [polygon(SQUARE)]},
            "/features/0/type",
            "type 'Polygon' is no region",
        ),
        ({"type": ["Polygon"]}, "/type", "type ['Polygon'] is no region"),
        ({"type": "FeatureCollection", "features": []}, "/features", "is empty"),
        (collection(polygon(SQUARE), None), "/features/1/geometry", "must be a GeoJSON object"),
        ({"type": "Polygon"}, "/coordinates", "must be an array"),
        (polygon(), "/coordinates", "is empty"),
        (polygon([]), "/coordinates/0", "is empty"),
        (polygon(SQUARE, "hole"), "/coordinates/1", "must be an array"),
        (polygon([[127.0, 37.0], [127.1, 37.0], [127.0, 37.0]]), "/coordinates/0", "a ring of 3 positions"),
        (polygon(SQUARE[:-1]), "/coordinates/0", "not closed: it begins at (127, 37) and ends at (127, 37.1)"),
        (polygon([*SQUARE[:2], [127.1], *SQUARE[3:]]), "/coordinates/0/2", "a position must be [longitude, latitude]"),
        (polygon([*SQUARE[:2], [127.1, "37.1"], *SQUARE[3:]]), "/coordinates/0/2/1", "must be a number"),
        (polygon([*SQUARE[:2], [127.1, None], *SQUARE[3:]]), "/coordinates/0/2/1", "must be a number"),
        (polygon([*SQUARE[:2], [127.1, True], *SQUARE[3:]]), "/coordinates/0/2/1", "must be a number"),
        (polygon([*SQUARE[:2], [127.1, float("nan")], *SQUARE[3:]]), "/coordinates/0/2/1", "must be finite"),
        (polygon([*SQUARE[:2], [float("inf"), 37.1], *SQUARE[3:]]), "/coordinates/0/2/0", "must be finite"),
        (polygon([*SQUARE[:2], [10**400, 37.1], *SQUARE[3:]]), "/coordinates/0/2/0", "must be finite"),
        (
            polygon(
                [[953_000.0, 1_945_000.0], [954_000.0, 1_945_000.0], [954_000.0, 1_946_000.0], [953_000.0, 1_945_000.0]]
            ),
            "/coordinates/0/0",
            "looks like projected metres",
        ),
        (polygon([[y, x] for x, y in SQUARE]), "/coordinates/0/0", "latitude before longitude?"),
        (
            polygon([[127.0, 37.0], [187.1, 37.0], [127.1, 37.1], [127.0, 37.0]]),
            "/coordinates/0/1",
            "(187.1, 37) is not longitude, latitude: out of range",
        ),
        (polygon([[-179.0, 10.0], [179.0, 10.0], [179.0, 11.0], [-179.0, 11.0], [-179.0, 10.0]]), "", "antimeridian"),
        (
            polygon(SQUARE) | {"crs": {"type": "name", "properties": {"name": "EPSG:5179"}}},
            "/crs",
            "coordinates in 'EPSG:5179'",
        ),
        (polygon(SQUARE) | {"crs": {"type": "name", "properties": []}}, "/crs", "coordinates in"),
    ],
)
def test_what_is_refused_and_where(value: object, where: str, what: str) -> None:
    error = refusal(value, where="/inputs/region/value")
    assert error.where == f"/inputs/region/value{where}"
    assert what in error.what


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        (
            polygon([[127.0, 37.0], [127.1, 37.1], [127.1, 37.0], [127.0, 37.1], [127.0, 37.0]]),
            "",
            "crosses itself, or polygons overlap, at (127.05, 37.05)",
        ),
        (
            {"type": "MultiPolygon", "coordinates": [[SQUARE], [[[x + 0.05, y + 0.05] for x, y in SQUARE]]]},
            "",
            "polygons overlap, at (127.",
        ),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [[SQUARE], [[[127.02, 37.02], [127.04, 37.02], [127.04, 37.04], [127.02, 37.02]]]],
            },
            "",
            "a polygon lies inside another",
        ),
        (polygon(SQUARE, AWAY), "", "a hole lies outside its polygon"),
        (polygon([SQUARE[0], SQUARE[1], SQUARE[1], SQUARE[0]]), "", "no area"),
        (polygon([SQUARE[0]] * 4), "", "no area"),
        (
            collection(
                polygon(SQUARE), polygon([[127.0, 37.0], [127.1, 37.1], [127.1, 37.0], [127.0, 37.1], [127.0, 37.0]])
            ),
            "/features/1/geometry",
            "crosses itself",
        ),
    ],
)
def test_invalid_geometry_is_refused_not_repaired(value: object, where: str, what: str) -> None:
    error = refusal(value)
    assert error.where == where
    assert what in error.what


def test_swapped_axes_are_seen_where_the_served_extent_is_known() -> None:
    right = polygon([[9.7, 50.85], [9.75, 50.85], [9.75, 50.87], [9.7, 50.85]])
    swapped = polygon([[y, x] for x, y in right["coordinates"][0]])
    assert Region.from_geojson(right, served=GERMANY).polygon.bounds == (9.7, 50.85, 9.75, 50.87)
    assert "latitude before longitude?" in refusal(swapped, served=GERMANY).what
    assert Region.from_geojson(
        swapped
    ).polygon.is_valid  # in the Indian Ocean: without the extent there is no suspicion


def test_a_region_elsewhere_is_no_suspect() -> None:
    assert Region.from_geojson(polygon(SQUARE), served=GERMANY).polygon.is_valid


def test_too_many_vertices_and_polygons() -> None:
    angle = np.linspace(0, 2 * np.pi, MAX_VERTICES)
    ring = np.stack([127 + 0.1 * np.cos(angle), 37 + 0.1 * np.sin(angle)], axis=1)
    ring[-1] = ring[0]
    assert len(Region.from_geojson(polygon(ring.tolist())).polygon.exterior.coords) == MAX_VERTICES
    with pytest.raises(TooLarge, match="200000 vertices"):
        Region.from_geojson(polygon([*ring.tolist(), ring[-1].tolist()]))
    with pytest.raises(TooLarge, match="5001 polygons, more than the 5000"):
        Region.from_geojson({"type": "MultiPolygon", "coordinates": [[SQUARE]] * (MAX_POLYGONS + 1)})


def test_a_border_that_crowds_into_one_cell() -> None:
    place = window()
    to_crs84 = transformer(place.grid.crs, CRS84).transform

    def ring(vertices: int) -> Region:
        disc = shapely.Point(place.bounds[0] + 550, place.bounds[1] + 550).buffer(40, quad_segs=vertices // 4)
        return Region.from_polygon(shapely.transform(disc, to_crs84, interleaved=False))

    assert len(ring(20_000).on(place).key) >= 19_000
    with pytest.raises(TooLarge, match=r"edges of the border in one cell of 100 m, more than 20000: simplify it"):
        ring(24_000).on(place)


def test_the_input_is_left_as_it_was() -> None:
    value = collection(polygon(SQUARE), polygon(AWAY))
    before = copy.deepcopy(value)
    Region.from_geojson(value)
    assert value == before


def test_from_polygon() -> None:
    square = shapely.box(127, 37, 127.1, 37.1)
    assert Region.from_polygon(square).polygon is square
    with pytest.raises(InvalidInput, match="/region: the polygon is empty"):
        Region.from_polygon(shapely.Polygon(), where="/region")
    with pytest.raises(InvalidInput, match="crosses itself"):
        Region.from_polygon(shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))


def test_a_region_as_large_as_the_world_is_cut_near_the_window() -> None:
    place = window()
    cut = Region.from_polygon(shapely.box(-180, -90, 180, 90)).on(place)
    assert (cut.key % (place.ncol + 1) == 0).all()  # nothing but the side west of the window
    assert cut.rows == (0, place.nrow)
    assert len(Region.from_polygon(shapely.box(-80, 20, -70, 30)).on(place).key) == 0
