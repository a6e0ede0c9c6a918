# SPDX-License-Identifier: Apache-2.0
"""``carbongrid factors`` as its users call it."""

import json

from click.testing import CliRunner

from carbonserver.cli import main


def run(*arguments: str) -> str:
    got = CliRunner(env={"COLUMNS": "250"}, catch_exceptions=False).invoke(main, ["factors", *arguments])
    assert got.exit_code == 0, got.output
    return got.stdout


def test_list_marks_placeholders() -> None:
    text = run("list", "--country", "kor")
    assert "▲ kor.eui.detached" in text
    assert "▲ kr_el_2023" not in text
    assert "placeholder (▲)" in text


def test_list_as_json_has_source_status_and_u() -> None:
    rows = json.loads(run("list", "--country", "uzb", "--json"))
    assert {"table", "id", "year", "basis", "u_pct", "status", "source", "placeholder", "values"} == set(rows[0])
    assert all(r["source"] for r in rows)


def test_list_one_table() -> None:
    rows = json.loads(run("list", "--table", "storeys", "--json"))
    assert {r["table"] for r in rows} == {"storeys"}


def test_show() -> None:
    assert json.loads(run("show", "kr_el_2023", "--json"))["values"]["value"] == 0.4173
    text = run("show", "kr_el_2023")
    assert "0.4173" in text
    assert "Ministry of Climate" in text


def test_check_lists_every_pack_and_its_placeholders() -> None:
    text = run("check")
    assert "kor: ok" in text
    assert "uzb: ok" in text
    packs = json.loads(run("check", "--country", "kor", "--json"))
    assert list(packs) == ["kor"]
    assert all(r["status"] == "placeholder" for r in packs["kor"]["placeholders"])
    assert 0 < len(packs["kor"]["placeholders"]) < packs["kor"]["rows"]


def test_what_is_unknown_ends_in_one_line() -> None:
    for arguments in (
        ["show", "kr_el_2033"],
        ["list", "--country", "usa"],
        ["list", "--table", "eui"],
        ["check", "--country", "x"],
    ):
        got = CliRunner().invoke(main, ["factors", *arguments])
        assert got.exit_code == 2, arguments
        assert len(got.stderr.strip().splitlines()) == 1
        assert "unknown" in got.stderr
