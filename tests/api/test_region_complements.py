# SPDX-License-Identifier: Apache-2.0
"""By HTTP: a region and its complement give the whole, to the kilogram, in every band; also where pieces tie.

In the square city every cell is a source of its own, centrally symmetric: an edge through its centre halves it, and an
odd kilogram must go to one side and to one side only. Vertices stand on the centres, so the halves are good to 1e-11.
"""

from collections.abc import Iterator

import numpy as np
import orjson
import pytest
import shapely
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from processes.web.routes import routes
from tests.shapes import star
from tests.square import square_inventory
from tests.toy import CORNERS, on_earth, toy_publication

SIDE, CELL = 100, 100
INVENTORY = square_inventory(SIDE)
WEST, SOUTH = (edge - corner for edge, corner in zip(INVENTORY.cells[100].window.bounds, CORNERS[5179], strict=False))
FAR = shapely.box(WEST - 4000, SOUTH - 4000, WEST + 14_000, SOUTH + 14_000)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("store")
    write(INVENTORY, toy_publication(INVENTORY), root)
    edition.publish(root, INVENTORY.id)
    with TestClient(Starlette(routes=routes(Catalogue(root), "http://test.example"))) as opened:
        yield opened


def bands(client: TestClient, shape: shapely.Polygon) -> np.ndarray:
    """Kilograms by band of a shape in metres from the toy's corner."""
    body = {"inputs": {"region": mapping(on_earth(shape, 5179))}, "outputs": {"totals": {}}, "response": "document"}
    got = client.post("/processes/estimate-region/execution", content=orjson.dumps(body))
    assert got.status_code == 200, got.text
    return np.array([band["kg"] for band in got.json()["totals"]["years"][0]["bands"]])


def both(client: TestClient, shape: shapely.Polygon) -> np.ndarray:
    """A shape and everything else around the city, with the same edges."""
    outside = shapely.Polygon(FAR.exterior, [shape.exterior])
    parts = bands(client, shape), bands(client, outside)
    assert all(part.sum() > 0 for part in parts), "the edge really cuts"
    return parts[0] + parts[1]


WHOLE = INVENTORY.cells[100].kg.sum(axis=1)


def test_two_hundred_random_regions(client: TestClient) -> None:
    rng = np.random.default_rng(8)
    for _ in range(200):
        x, y = rng.uniform((WEST, SOUTH), (WEST + 10_000, SOUTH + 10_000))
        shape = star(rng, float(x), float(y), float(10 ** rng.uniform(2, 3.5)), int(rng.integers(3, 60)))
        np.testing.assert_array_equal(both(client, shape), WHOLE)


def test_fifty_constructed_ties(client: TestClient) -> None:
    rng = np.random.default_rng(9)
    odd = 0
    for _ in range(50):
        column, row, length = (int(n) for n in rng.integers((5, 5, 3), (60, 60, 30)))
        step = [(1, 0), (1, 1), (2, 1), (1, 2)][int(rng.integers(4))]
        centres = [(column + i * step[0], row + i * step[1]) for i in range(length)]
        centres = [(c, r) for c, r in centres if c < SIDE - 1 and r < SIDE - 1]
        line = [(WEST + (c + 0.5) * CELL, SOUTH + (r + 0.5) * CELL) for c, r in centres]
        shape = shapely.Polygon([*line, (line[-1][0] + 37.0, SOUTH - 1500.0), (line[0][0] - 23.0, SOUTH - 1500.0)])
        np.testing.assert_array_equal(both(client, shape), WHOLE)
        index = [(SIDE - 1 - r) * SIDE + c for c, r in centres[1:-1]]
        odd += int((INVENTORY.cells[100].kg[:, index] % 2).sum())
    assert odd > 500, "odd kilograms really tie"
