# SPDX-License-Identifier: Apache-2.0
"""Tiles kept compressed: the same answers as without, nothing made twice, nothing of an older edition, bounded."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
from starlette.testclient import TestClient

from carbonserver import answers, kept
from carbonserver.app import create_app
from carbonserver.kept import Entries, Entry
from carbonserver.settings import Settings
from carbonstore.encode import mvt, raster
from carbonstore.releases import edition
from carbonstore.releases.release import write
from tests.api.test_tiles import MIDDLE, URL, web_tile
from tests.toy import toy_inventory, toy_publication, toy_store

ROW, COL = web_tile(*MIDDLE, 13)
PLACE = f"WebMercatorQuad/13/{ROW}/{COL}"
TILE = f"/collections/toy-100m/tiles/{PLACE}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    toy_store(tmp_path)
    return tmp_path


@pytest.fixture
def client(root: Path) -> TestClient:
    client = TestClient(create_app(Settings(root, URL)), base_url=URL)
    client.get("/healthz")  # what is published has been looked at
    return client


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is encoded or compressed, in order."""
    log: list[str] = []
    for module, name in ((mvt, "tile"), (raster, "styled"), (answers, "_compressed")):
        real = getattr(module, name)

        def noted(*args: Any, name: str = name, real: Any = real, **more: Any) -> Any:
            log.append(f"{name} {args[1]}" if name == "_compressed" else name)
            return real(*args, **more)

        monkeypatch.setattr(module, name, noted)
    return log


def raw(client: TestClient, path: str, accept_encoding: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and the body as it was sent."""
    with client.stream("GET", path, headers={"Accept-Encoding": accept_encoding, **headers}) as answer:
        return answer.status_code, dict(answer.headers), b"".join(answer.iter_raw())


def test_a_hit_makes_and_compresses_nothing(client: TestClient, made: list[str]) -> None:
    first = raw(client, TILE, "gzip")
    assert made == ["tile", "_compressed gzip"]
    second = raw(client, TILE, "gzip")
    assert made == ["tile", "_compressed gzip"]
    assert first[2] == second[2]
    assert gzip.decompress(first[2]) == raw(client, TILE, "identity")[2]
    ids = first[1].pop("request-id"), second[1].pop("request-id")
    assert ids[0] != ids[1]
    assert first[1] == second[1]


def test_a_hot_tile_comes_in_brotli(client: TestClient, made: list[str]) -> None:
    browser = "gzip, deflate, br, zstd"
    answers_ = [raw(client, TILE, browser) for _ in range(kept.HOT + 2)]
    assert [a[1]["content-encoding"] for a in answers_] == ["gzip"] * (kept.HOT + 1) + ["br"]
    last = answers_[-1]
    assert brotli.decompress(last[2]) == gzip.decompress(answers_[0][2])
    assert len(last[2]) < len(answers_[0][2])
    assert made.count("_compressed br") == 1
    assert last[1]["etag"] != answers_[0][1]["etag"]
    assert last[1]["etag"].split(".")[0] == answers_[0][1]["etag"].split(".")[0]
    assert "Accept-Encoding" in last[1]["vary"]
    assert raw(client, TILE, "gzip")[1]["content-encoding"] == "gzip"
    made.clear()
    assert raw(client, TILE, browser)[2] == last[2]
    assert made == []


def test_a_client_holds_either_coding(client: TestClient) -> None:
    browser = "gzip, br"
    tags = {a[1]["etag"] for a in (raw(client, TILE, browser) for _ in range(kept.HOT + 2))}
    assert len(tags) == 2
    for tag in tags:
        status, headers, body = raw(client, TILE, browser, **{"If-None-Match": f'"x", W/{tag}'})
        assert (status, headers["etag"], body) == (304, tag, b"")
        assert {"vary", "cache-control", "carbongrid-edition", "ogcapi-datetime"} <= headers.keys()
        assert "content-encoding" not in headers
    assert raw(client, TILE, browser, **{"If-None-Match": '"other"'})[0] == 200


def test_who_takes_brotli_alone_gets_it(client: TestClient) -> None:
    sent = raw(client, TILE, "br")
    assert sent[1]["content-encoding"] == "br"
    assert brotli.decompress(sent[2]) == raw(client, TILE, "identity")[2]
    assert raw(client, TILE, "br;q=0, gzip;q=0.5")[1]["content-encoding"] == "gzip"


def test_a_switch_of_the_edition_shows_at_once(client: TestClient, root: Path) -> None:
    before = raw(client, TILE, "gzip")
    raw(client, TILE, "gzip")
    newer = toy_inventory(2024)
    write(newer, toy_publication(newer), root)
    now = edition.publish(root, "toy")
    after = raw(client, TILE, "gzip")
    assert after[1]["carbongrid-edition"] == now != before[1]["carbongrid-edition"]
    assert after[1]["ogcapi-datetime"].startswith("2024")
    edition.rollback(root, "toy")
    assert raw(client, TILE, "gzip")[2] == before[2]


def test_every_query_and_format_is_its_own(client: TestClient) -> None:
    plain = raw(client, TILE, "identity")[2]
    assert raw(client, f"{TILE}?properties=net", "identity")[2] != plain
    assert raw(client, TILE, "identity", Accept="image/png")[0] == 406
    assert raw(client, TILE, "identity", Accept="image/png")[0] == 406
    assert raw(client, f"{TILE}?f=mvt", "identity", Accept="image/png")[2] == plain
    assert client.head(TILE).headers["content-length"] == raw(client, TILE, "gzip, deflate")[1]["content-length"]
    for wrong in ("?f=png", "?colour=red", "?datetime=2023"):
        assert [raw(client, TILE + wrong, "gzip")[0] for _ in range(2)] == [400, 400]


def test_other_origins_may_read_what_is_kept(client: TestClient) -> None:
    """A hit says it in the words of the answer that was made."""
    origin = {"Origin": "http://map.example"}
    first, second = (raw(client, TILE, "gzip", **origin)[1] for _ in range(2))
    assert first["access-control-allow-origin"] == "*"
    assert {**first, "request-id": ""} == {**second, "request-id": ""}
    assert "access-control-allow-origin" not in raw(client, TILE, "gzip")[1]


def test_of_many_who_ask_at_once_one_has_the_tile_made(root: Path, made: list[str]) -> None:
    async def ask(path: str, times: int) -> list[httpx.Response]:
        app = create_app(Settings(root, URL))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
            await client.get("/healthz")
            return await asyncio.gather(*(client.get(path) for _ in range(times)))

    sent = asyncio.run(ask(TILE, kept.HOT))
    assert {r.status_code for r in sent} == {200}
    assert len({r.content for r in sent}) == 1
    assert made == ["tile", "_compressed gzip"]
    refused = asyncio.run(ask(f"{TILE}?colour=red", 12))
    assert {r.status_code for r in refused} == {400}


def test_pngs_are_kept_as_they_are(client: TestClient, made: list[str]) -> None:
    path = f"/collections/toy-100m/styles/net/map/tiles/{PLACE}"
    sent = {raw(client, path, "gzip, br")[2] for _ in range(kept.HOT + 3)}
    assert len(sent) == 1
    assert made == ["styled"]


def test_a_tile_of_a_named_edition_is_not_kept(client: TestClient, root: Path, made: list[str]) -> None:
    """It is 410 as soon as the edition is kept no longer, which moves no pointer."""
    named = f"{TILE}?edition={raw(client, TILE, 'gzip')[1]['carbongrid-edition']}"
    made.clear()
    assert [raw(client, named, "gzip")[0] for _ in range(2)] == [200, 200]
    assert made.count("tile") == 2


def test_without_room_nothing_is_kept(root: Path, made: list[str]) -> None:
    client = TestClient(create_app(Settings(root, URL, tile_cache=0)), base_url=URL)
    for _ in range(3):
        assert raw(client, TILE, "gzip")[0] == 200
    assert made.count("tile") == 3


def test_the_least_recently_used_falls_out() -> None:
    """Four entries of 9,000 bytes and their overhead fit into 41,000."""
    entries = Entries(41_000)
    keys = [("s", f"/{k}", b"", "gzip") for k in range(6)]
    for key in keys[:4]:
        entries.put(key, Entry([], bytes(9_000), '"a"', "x"))
    assert entries.get(keys[0]) is not None
    for key in keys[4:]:
        entries.put(key, Entry([], bytes(9_000), '"a"', "x"))
    assert [k for k, key in enumerate(keys) if entries.get(key)] == [0, 3, 4, 5]
    assert entries.size == 4 * (9_000 + kept.OVERHEAD)
    entries.put(keys[0], Entry([], bytes(100), '"b"', "x"))
    assert entries.size == 3 * (9_000 + kept.OVERHEAD) + 100 + kept.OVERHEAD
    entries.put(("s", "/large", b"", "gzip"), Entry([], bytes(20_000), '"c"', "x"))
    assert len(entries) == 4
