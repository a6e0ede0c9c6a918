# SPDX-License-Identifier: Apache-2.0
"""Regions as clients send them: files give what their polygons give as GeoJSON; bad ones are refused, never a 5xx."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.releases.catalogue import Catalogue
from processes.uploads.sandbox import FORMS, Form, environment
from processes.web.routes import routes
from tests.api.bad_regions import BAD, VRT
from tests.api.files import GEOJSON, GEOPACKAGE, KML, ZIP, frame, qualified, shapefile, written, zipped
from tests.toy import CORNERS, toy_store

URL = "http://test.example/carbon"
EXAMPLES = 100_000 if os.environ.get("CARBONGRID_SOAK") else 60
EAST, NORTH = CORNERS[5179]
SHAPES = [
    shapely.box(EAST - 310, NORTH - 210, EAST - 110, NORTH + 120),
    shapely.box(EAST + 20, NORTH - 150, EAST + 300, NORTH + 410),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("store")
    toy_store(root)
    with TestClient(Starlette(routes=routes(Catalogue(root), URL))) as opened:
        yield opened


def ask(client: TestClient, region: object) -> Any:
    body = orjson.dumps({"inputs": {"region": region}, "outputs": {"totals": {}}, "response": "document"})
    return client.post("/processes/estimate-region/execution", content=body)


def totals(client: TestClient, region: object) -> Any:
    answer = ask(client, region)
    assert answer.status_code == 200, answer.text
    return answer.json()["totals"]


def in_crs84() -> dict[str, Any]:
    """The shapes with every vertex brought to CRS84, as GeoJSON."""
    to = Transformer.from_crs("EPSG:5179", "OGC:CRS84", always_xy=True)
    parts = [shapely.transform(shape, lambda xy: np.column_stack(to.transform(*xy.T))) for shape in SHAPES]
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(part)} for part in parts]
    return {"type": "FeatureCollection", "features": features}


@pytest.mark.parametrize("media", [GEOPACKAGE, ZIP])
def test_a_file_in_metres_gives_what_its_vertices_give_as_geojson(client: TestClient, media: str) -> None:
    found = totals(client, qualified(written(frame(SHAPES, "EPSG:5179"), media), media))
    assert found == totals(client, in_crs84())
    assert found["years"][0]["kg"]["emission_buildings"] == 1500 + 83  # a third of the half of the shop
    assert found["years"][0]["kg"]["emission_transport"] > 1000


@pytest.mark.parametrize("media", [KML, GEOJSON])
def test_a_file_in_degrees_gives_the_same_kilograms(client: TestClient, media: str) -> None:
    found = totals(client, qualified(written(frame(SHAPES, "EPSG:5179").to_crs(4326), media), media))
    assert found["years"][0]["kg"] == totals(client, in_crs84())["years"][0]["kg"]


def test_a_shapefile_in_a_folder_of_its_zip_with_other_things_beside_it(client: TestClient) -> None:
    members = {f"구역/{name}": data for name, data in shapefile(frame(SHAPES, "EPSG:5179").to_crs(5186)).items()}
    found = totals(client, qualified(zipped(members | {"읽어보세요.txt": b"hello"}), "application/x-zip-compressed"))
    assert found["years"][0]["kg"] == totals(client, in_crs84())["years"][0]["kg"]


def test_a_multipolygon_with_heights_in_a_geopackage(client: TestClient) -> None:
    raised = shapely.force_3d(shapely.MultiPolygon(SHAPES), 12.5)
    found = totals(client, qualified(written(frame([raised], "EPSG:5179"), GEOPACKAGE), GEOPACKAGE))
    assert found["years"][0]["kg"] == totals(client, in_crs84())["years"][0]["kg"]


# What is refused


def test_there_are_many_bad_regions() -> None:
    assert len(BAD) >= 60


@pytest.mark.parametrize("name", BAD)
def test_a_bad_region_is_refused_with_place_and_reason(client: TestClient, name: str) -> None:
    bad = BAD[name]
    answer = ask(client, bad.region)
    told = answer.json()
    assert answer.status_code == bad.status, told
    assert told["where"].startswith("/inputs/region")
    assert bad.at in told["where"]
    assert bad.word in told["detail"]
    assert not any(word in answer.text for word in ("Traceback", "/tmp", "site-packages", "GDAL"))


NUMBERS = st.one_of(
    st.floats(127.32, 127.34),
    st.floats(36.50, 36.52),
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
)
NEAR = st.tuples(st.floats(127.32, 127.34), st.floats(36.50, 36.52)).map(list)
RING = st.lists(st.one_of(NEAR, NEAR, NEAR, st.lists(NUMBERS, max_size=4)), max_size=9)
CLOSED = st.lists(NEAR, min_size=3, max_size=9).map(lambda ring: [*ring, ring[0]])
RINGS = st.lists(st.one_of(CLOSED, CLOSED, RING, NUMBERS), max_size=3)
GEOMETRY = st.one_of(
    st.fixed_dictionaries({"type": st.just("Polygon"), "coordinates": st.one_of(RINGS, NUMBERS)}),
    st.fixed_dictionaries({"type": st.just("MultiPolygon"), "coordinates": st.lists(RINGS, max_size=3)}),
    st.fixed_dictionaries({"type": st.text(max_size=8)}, optional={"coordinates": RINGS, "crs": st.text(max_size=5)}),
    NUMBERS,
)
FEATURE = st.fixed_dictionaries({"type": st.just("Feature"), "geometry": GEOMETRY})
COLLECTION = st.fixed_dictionaries({"type": st.just("FeatureCollection"), "features": st.lists(FEATURE, max_size=3)})
BINARY = st.binary(max_size=64)
FILE = st.one_of(
    BINARY.map(lambda data: qualified(data, GEOJSON)),
    BINARY.map(lambda data: qualified(b'{"type":"Polygon","coordinates":[[' + data, GEOJSON)),
)
REGION = st.one_of(GEOMETRY, GEOMETRY, FEATURE, COLLECTION, FILE, st.dictionaries(st.text(max_size=5), NUMBERS))


@settings(max_examples=EXAMPLES)
@given(region=REGION)
def test_generated_regions_never_break_the_server(client: TestClient, region: object) -> None:
    body = {"inputs": {"region": region}, "outputs": {"totals": {}}, "response": "document"}
    try:
        content = orjson.dumps(body)
    except TypeError:  # a number that JSON cannot hold
        return
    answer = client.post("/processes/estimate-region/execution", content=content)
    assert answer.status_code in (200, 400, 413), answer.text
    if answer.status_code != 200:
        assert answer.json()["where"].startswith(("/inputs", "")), answer.text
        assert answer.json()["detail"]


SIGNED = st.binary(min_size=1, max_size=200)


@settings(max_examples=max(3, EXAMPLES // 2000))
@given(noise=SIGNED, at=st.integers(16, 60_000))
def test_damaged_files_never_break_the_server(client: TestClient, noise: bytes, at: int) -> None:
    whole = bytearray(written(frame(SHAPES, "EPSG:5179"), GEOPACKAGE))
    whole[at : at + len(noise)] = noise
    answer = ask(client, qualified(bytes(whole), GEOPACKAGE))
    assert answer.status_code in (200, 400, 413), answer.text


# The process that reads


def test_nothing_in_a_file_makes_a_connection(client: TestClient) -> None:
    """A listener on a loopback port hears nothing, whatever files name its address."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        place = f"127.0.0.1:{trap.getsockname()[1]}"
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    trap.accept()[0].close()
                    heard.append(1)
                except TimeoutError:
                    continue

        listener = threading.Thread(target=listen)
        listener.start()
        crs = {"crs": {"type": "link", "properties": {"href": f"http://{place}/crs", "type": "esriwkt"}}}
        linked = orjson.dumps({"type": "FeatureCollection", "features": []} | crs)
        network = f"<kml><NetworkLink><Link><href>http://{place}/a.kml</href></Link></NetworkLink></kml>".encode()
        for data, media in ((VRT % place.encode(), KML), (network, KML), (linked, GEOJSON)):
            assert ask(client, qualified(data, media)).status_code == 400
        assert ask(client, {"href": f"http://{place}/collections/toy-100m/items/x"}).status_code == 400
        stop.set()
        listener.join()
    assert not heard


def in_a_process(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_kernel_refuses_sockets_after_the_filter() -> None:
    code = """
import socket
from processes.jobs.bounds import no_sockets
assert no_sockets()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(family)
    except PermissionError:
        continue
    raise SystemExit("a socket")
print("none")
"""
    assert in_a_process(code).stdout == "none\n"


def test_memory_of_the_process_is_limited() -> None:
    code = """
from processes.jobs.bounds import bound
bound(5, 200 << 20)
try:
    bytearray(400 << 20)
except MemoryError:
    print("limited")
"""
    assert in_a_process(code).stdout == "limited\n"


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.suffix)
def test_only_the_driver_of_the_form_is_registered(form: Form) -> None:
    code = "import pyogrio; print(','.join(sorted(pyogrio.list_drivers())))"
    every = list(pyogrio.list_drivers())
    assert len(every) > len(FORMS)
    assert in_a_process(code, **environment(form, every)).stdout == f"{form.driver}\n"
