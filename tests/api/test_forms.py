# SPDX-License-Identifier: Apache-2.0
"""Pages to run processes: a form of every process, read without a script, through to the page of the results."""

import base64
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from carbongrid.errors import CarbongridError
from carbonserver.app import create_app
from carbonserver.settings import Settings
from processes.echo import ECHO
from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.journal import Journal
from processes.registry import PROCESSES
from processes.web.forms import request_of
from tests.api.conftest import URL
from tests.api.test_pages import Seen
from tests.toy import toy_store

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("forms")
    toy_store(root, (2022, 2023))
    return root


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(data, URL)), base_url=URL, follow_redirects=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def worker(data: Path) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Engine(Journal.open(data), Site(data, URL), 1).run, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join()


def box(half: int = 400) -> str:
    """A square of ``2 half`` metres around the middle of the toy city, in CRS84."""
    import shapely

    from tests.toy import on_earth

    return str(shapely.to_geojson(on_earth(shapely.box(-half, -half, half, half), 5179)))


def over(client: TestClient, job: str) -> str:
    """The page of a job once it has ended."""
    deadline = time.monotonic() + 120
    while "refresh" in (page := client.get(job, headers=HTML)).headers:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return page.text


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda p: p.id)
def test_the_form_of_a_process_is_made_from_its_description(client: TestClient, process: Any, language: str) -> None:
    page = client.get(f"/processes/{process.id}?lang={language}", headers=HTML)
    seen = Seen(page.text)
    (form,) = seen.all("form")
    assert (form["method"], form["enctype"]) == ("post", "multipart/form-data")
    assert form["action"] == f"/processes/{process.id}/execution?lang={language}"
    fields = [a for tag in ("input", "select", "textarea") for a in seen.all(tag)]
    assert {a["name"] for a in fields} == {*process.inputs, "outputs"}
    assert {a["value"] for a in fields if a["name"] == "outputs"} == set(process.outputs)
    ids = {a.get("id") for _, a in seen.tags}
    labelled = [a for a in fields if "id" in a]
    assert {a["aria-describedby"] for a in labelled} <= ids
    assert {a["id"] for a in labelled} <= {a.get("for") for a in seen.all("label")}
    assert all(words[language] in seen.words for words in (i.title for i in process.inputs.values()))


def filled(page: str) -> dict[str, Any]:
    """What a browser sends if its user changes nothing."""
    form = page.partition("<form")[2].partition("</form>")[0]
    sent: dict[str, Any] = {}
    for name, text in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        sent[name] = text.replace("&#34;", '"').replace("&quot;", '"')
    for tag in re.findall(r"<input [^>]*>", form):
        attributes = Seen(tag).all("input")[0]
        if attributes["type"] in ("text", "number") or "checked" in attributes:
            sent.setdefault(str(attributes["name"]), []).append(attributes["value"] or "")
    for name, inner in re.findall(r'<select [^>]*name="([^"]+)".*?>(.*?)</select>', form, re.S):
        sent[name] = re.findall(r"<option selected>(.*?)</option>", inner)
    return sent


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda p: p.id)
def test_a_form_as_it_is_first_shown_asks_for_the_example(client: TestClient, data: Path, process: Any) -> None:
    sent = filled(client.get(f"/processes/{process.id}?lang=en", headers=HTML).text)
    answer = client.post(f"/processes/{process.id}/execution", data=sent, headers=HTML)
    assert answer.status_code == 303, answer.text
    job = answer.headers["location"].removeprefix(f"{URL}/jobs/").partition("?")[0]
    task = Journal.open(data).claim("nobody")
    assert task is not None
    assert task.id == job
    assert process.accept(orjson.loads(task.body)) == process.accept(process.example)
    assert client.delete(f"/jobs/{job}").status_code == 200


def test_a_region_is_estimated_by_form_and_its_results_are_those_of_the_json(client: TestClient, worker: None) -> None:
    fields = {"region": box(), "year": "2022, 2023", "sectors": ["buildings", "transport"], "outputs": "totals"}
    sent = client.post("/processes/estimate-region/execution?lang=en", data=fields, headers=HTML)
    here = sent.headers["location"].removeprefix(URL)
    assert sent.status_code == 303
    page = over(client, here)
    assert "done" in page
    job = here.partition("?")[0]
    made = client.get(f"{job}/results").json()
    asked = {"region": orjson.loads(box()), "year": [2022, 2023], "sectors": ["buildings", "transport"]}
    request = {"inputs": asked, "outputs": {"totals": {}}, "response": "document"}
    assert made == client.post("/processes/estimate-region/execution", json=request).json()
    results = Seen(client.get(f"{job}/results?lang=en", headers=HTML).text)
    for year in made["totals"]["years"]:
        assert year["kg"]["emission_total"] > 0
        assert f"{year['kg']['emission_total']:,}" in results.words
    (download,) = [a["href"] for a in results.all("a") if "download" in a]
    one = client.get(str(download))
    assert (one.json(), one.headers["content-type"]) == (made["totals"], "application/json")
    assert client.get(f"{job}/results/cellz").status_code == 404


def test_an_open_job_looks_again_and_is_cancelled_without_a_script(client: TestClient, worker: None) -> None:
    sent = client.post("/processes/echo/execution", data={"text": "a", "pause": "50"}, headers=HTML)
    here = sent.headers["location"].removeprefix(URL)
    page = client.get(here, headers=HTML)
    assert page.headers["refresh"] == "2"
    (form,) = Seen(page.text).all("form")
    ended = client.post(str(form["action"]), headers=HTML)
    assert (ended.status_code, ended.headers["location"]) == (303, f"{URL}{here}")
    assert "취소됨" in client.get(here, headers=HTML).text


def test_a_wrong_field_is_told_on_a_page(client: TestClient) -> None:
    answer = client.post("/processes/echo/execution?lang=en", data={"count": "many"}, headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "/inputs/count" in answer.text
    hostile = client.post("/processes/echo/execution", data={"<script>alert(1)</script>": "a"}, headers=HTML)
    assert hostile.status_code == 400
    assert "<script>alert" not in hostile.text


def test_a_form_is_one_more_way_to_write_a_request(client: TestClient) -> None:
    """Without a browser it is answered like JSON: at once, or as the job that Prefer asks for."""
    sent = {"text": "안녕", "bbox": "1, 2, 3, 4", "array": "1,2", "mixed": '{"a": [1]}', "outputs": ["text", "bbox"]}
    answer = client.post("/processes/echo/execution", data=sent, headers={"Accept": "application/json"})
    assert answer.json() == {"text": "안녕", "bbox": {"bbox": [1, 2, 3, 4]}}
    job = client.post("/processes/echo/execution", data=sent, headers={"Prefer": "respond-async"})
    assert (job.status_code, job.json()["status"]) == (201, "accepted")


def multipart(*fields: tuple[str, str | None, bytes]) -> tuple[str, bytes]:
    body = b""
    for name, file, value in fields:
        named = f'; filename="{file}"' if file is not None else ""
        body += f'--x y\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + value + b"\r\n"
    return 'multipart/form-data; boundary="x y"', body + b"--x y--\r\n"


def test_files_become_values() -> None:
    binary = bytes(range(256)) + b"\r\n--x\r\n"
    form = multipart(
        ("image", "a.TIF", binary),
        ("object", "r.geojson", b'{"a": 1}'),
        ("mixed", "", b""),
        ("text", None, "가".encode()),
    )
    made = request_of(ECHO, *form)["inputs"]
    assert isinstance(made, dict)
    assert base64.b64decode(made["image"]) == binary
    assert (made["object"], made["text"], "mixed" in made) == ({"a": 1}, "가", False)
    zipped = request_of(ECHO, *multipart(("object", "r.zip", b"PK")))["inputs"]
    assert zipped == {"object": {"value": "UEs=", "mediaType": "application/zip", "encoding": "base64"}}


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\ncut off"),
        ("multipart/form-data; boundary=x", b""),
        ("application/x-www-form-urlencoded", b"a=1&" * 2000),
        ("application/x-www-form-urlencoded", b"\xff\xfe=1"),
        ("application/x-www-form-urlencoded", b"object=" + b"[" * 10_000),
        ("application/x-www-form-urlencoded", b"nothing=1"),
    ],
)
def test_broken_forms_are_refused(media: str, body: bytes) -> None:
    with pytest.raises(CarbongridError):
        request_of(ECHO, media, body)


@pytest.mark.parametrize(("language", "words"), [("ko", "최종 사용자 기준"), ("en", "end-user basis")])
def test_choices_are_read_as_words_and_sent_as_codes(client: TestClient, language: str, words: str) -> None:
    page = client.get(f"/processes/estimate-region?lang={language}", headers=HTML).text
    assert f'<option value="end_user" selected>{words}</option>' in page
    assert {'value="cells"', 'value="territorial"'} <= set(re.findall(r'value="\w+"', page))
