# SPDX-License-Identifier: Apache-2.0
"""CQL2: what a text means (precedence, nulls, patterns, boxes), what is refused, and how little is read."""

import json
from pathlib import Path

import numpy as np
import pytest

from carbongrid.errors import InvalidInput, TooLarge
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.quads import OutputCrs
from carbonstore.collections.record_source import RecordSource
from carbonstore.filter import Filter, parse
from carbonstore.filter.source import BLOCK
from carbonstore.filter.syntax import MAX_BYTES
from carbonstore.filter.text import accenti, like
from carbonstore.releases.catalogue import Snapshot
from tests.toy import toy_cell


@pytest.fixture
def city(toy: Snapshot) -> Collection:
    return toy.collections["toy-100m"]


def found(collection: Collection, text: str, **more: object) -> list[str]:
    query = CellQuery(filter=Filter.of(parse(text), collection.fields), **more)  # type: ignore[arg-type]
    batch = cells.read(collection, query)
    assert cells.count(collection, query) == batch.matched
    return batch.feature_ids


def names(*corners: tuple[int, int], year: int = 2023) -> set[str]:
    return {f"{toy_cell(*corner)}.{year}" for corner in corners}


# 36 cells: forest is null in the 6 of the row -200, 0 where it is covered without trees, above 0 in 4 cells.
COUNTS = {
    # AND binds tighter than OR, NOT tighter than both
    "status = 'ok' OR year = 1999 AND year = 1998": 23,
    "(status = 'ok' OR year = 1999) AND year = 1998": 0,
    "NOT (absorption_forest = 0 OR absorption_forest > 0)": 0,
    "NOT absorption_forest = 0 AND year = 2023": 4,
    # three values: a null is neither in nor out
    "absorption_forest > 0": 4,
    "NOT absorption_forest > 0": 26,
    "absorption_forest IS NULL": 6,
    "absorption_forest IS NOT NULL": 30,
    "absorption_forest <> 0": 4,
    "absorption_forest > 0 OR absorption_forest IS NULL": 10,
    "absorption_forest > 0 OR year = 2023": 36,
    "absorption_forest NOT BETWEEN 0 AND 0.7": 4,
    "absorption_forest NOT IN (0, 0.75)": 1,
    "absorption_forest = absorption_forest": 30,
    # numbers are the doubles that JSON shows
    "emission_total = 2.41": 1,
    "emission_total BETWEEN 1.009 AND 1.01": 4,
    "-net > 0.7": 4,
    "-(net) > 0.7 AND NOT (net = -0.751)": 3,
    "emission_buildings_scope1 + emission_buildings_scope2 = emission_buildings": 36,
    "emission_total / absorption_forest > 0": 0,  # 0/0.75 is 0; x/0 is unknown
    "year % 2 = 1 AND year div 2 = 1011 AND 2 ^ 3 = 8": 36,
    # texts
    "missing = ''": 0,
    "status LIKE 'p_rtial'": 13,
    "status LIKE 'p.rtial'": 0,
    "status LIKE 'OK'": 0,
    "CASEI(status) LIKE CASEI('O%')": 23,
    "CASEI(status) IN (CASEI('OK'), CASEI('Missing'))": 23,
    "status NOT LIKE 'p%'": 23,
    "missing LIKE '%forest%'": 12,
    "status > 'ok'": 13,
    "missing = status": 0,
    # booleans
    "synthetic": 36,
    "NOT synthetic": 0,
    "synthetic = (absorption_forest > 0)": 4,
    "TRUE AND FALSE": 0,
    # times are days in UTC
    "T_AFTER(time_start, DATE('2022-12-31'))": 36,
    "T_INTERSECTS(time_end, TIMESTAMP('2023-12-31T23:00:00Z'))": 36,
    "T_DURING(INTERVAL(time_start, time_end), INTERVAL('2022-12-31', '..'))": 36,
    "T_CONTAINS(INTERVAL(time_start, time_end), INTERVAL('2023-01-01', '2023-06-01'))": 0,
    "T_STARTEDBY(INTERVAL(time_start, time_end), INTERVAL('2023-01-01', '2023-06-01'))": 36,
    "T_OVERLAPS(INTERVAL(time_start, time_end), INTERVAL('2023-06-01', '2024-06-01'))": 36,
    "T_MEETS(INTERVAL(time_start, time_end), INTERVAL('2023-12-31', '2024-06-01'))": 36,
    "time_start = '2023-01-01' AND time_end >= DATE('2023-12-31')": 36,
    "geometry IS NULL": 0,
}


@pytest.mark.parametrize(("text", "count"), COUNTS.items())
def test_a_text_means_what_the_standard_says(city: Collection, text: str, count: int) -> None:
    assert len(found(city, text)) == count


@pytest.mark.parametrize(
    ("json_text", "count"),
    [
        ({"op": "between", "args": [{"property": "absorption_forest"}, 0, 0]}, 26),
        ({"op": "not", "args": [{"op": "isNull", "args": [{"property": "missing"}]}]}, 13),
        ({"op": "in", "args": [{"property": "status"}, ["ok", "partial"]]}, 36),
        ({"op": "t_finishedBy", "args": [{"interval": ["2023-01-01", ".."]}, {"interval": ["2023-05-01", ".."]}]}, 36),
    ],
)
def test_json_means_the_same(city: Collection, json_text: dict[str, object], count: int) -> None:
    assert len(found(city, json.dumps(json_text))) == count


def test_a_box_is_west_south_east_north(city: Collection) -> None:
    west, south, east, north = city.bbox
    middle = (west + east) / 2
    box = f"BBOX({west},{south},{middle},{north})"
    expected = cells.read(city, CellQuery(bbox=(west, south, middle, north))).feature_ids
    assert found(city, f"S_INTERSECTS(geometry, {box})") == expected
    asked = {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [west, south, middle, north]}]}
    assert found(city, json.dumps(asked)) == expected
    apart = found(city, f"S_DISJOINT({box}, geometry)")
    assert len(apart) + len(expected) == 36
    inside = set(found(city, f"S_WITHIN(geometry, {box})"))
    assert inside == set(found(city, f"S_CONTAINS({box}, geometry)"))
    assert names(*((e, n) for e in (-300, -200) for n in range(-200, 400, 100))) < inside < set(expected)
    across = f"S_INTERSECTS(geometry, BBOX({middle},{south},{west - 1},{north}))"
    assert found(city, across) == cells.read(city, CellQuery(bbox=(middle, south, 180, north))).feature_ids


def test_geometries_are_exact_to_the_published_vertex(city: Collection) -> None:
    outline = RecordSource(city, 2023).shapes(slice(0, 36))
    corner = "CRS5179RES100mN1835000E985000"
    index = next(i for i, f in enumerate(cells.read(city, CellQuery()).feature_ids) if f.startswith(corner))
    lon, lat = outline[index].exterior.coords[0]
    point = f"POINT({lon!r} {lat!r})"
    around = names((-100, -100), (-100, 0), (0, -100), (0, 0))
    assert set(found(city, f"S_INTERSECTS(geometry, {point})")) == around
    assert set(found(city, f"S_TOUCHES(geometry, {point})")) == around
    assert found(city, f"S_EQUALS(geometry, {outline[index].wkt})") == [f"{corner}.2023"]
    assert found(city, f"S_INTERSECTS(geometry, {point}) AND cell_id = '{corner}'") == [f"{corner}.2023"]


def test_filter_crs_takes_the_axes_of_its_authority(city: Collection) -> None:
    """EPSG:5179 says northing first; the middle of the cell (0, 0) is at 985,050 E, 1,835,050 N."""
    crs = OutputCrs.of("http://www.opengis.net/def/crs/EPSG/0/5179", city.crs)
    tree = parse("S_INTERSECTS(geometry, POINT(1835050 985050))")
    batch = cells.read(city, CellQuery(filter=Filter.of(tree, city.fields, crs)))
    assert set(batch.feature_ids) == names((0, 0))
    box = parse("S_INTERSECTS(geometry, BBOX(1835001, 985001, 1835099, 985099))")
    assert cells.count(city, CellQuery(filter=Filter.of(box, city.fields, crs))) == 1


REFUSED = {
    "nett > 1": "unknown property 'nett', did you mean 'net'",
    "foo(net) > 1": "unknown function or operator 'foo'",
    "S_DWITHIN(geometry, POINT(1 2), 5)": "did you mean 's_within'",
    "A_CONTAINS(status, ('ok'))": "unknown function or operator 'a_contains'",
    "status > 5": "cannot compare text with number",
    "net = 'much'": "cannot compare number with text",
    "net = NULL": "IS NULL",
    "net + 'x' > 1": "takes a number, not a text",
    "net": "a number stands where a condition should",
    "synthetic < TRUE": "cannot compare values of type boolean",
    "status LIKE missing": "a literal on the right",
    "casei(net) = 'x'": "takes a text, not a number",
    "time_start > 'soon'": "'soon' is no date",
    "DATE('2023-13-01') = time_start": "'2023-13-01' is no date",
    "T_AFTER(net, DATE('2023-01-01'))": "takes a date, not a number",
    "T_DURING(time_start, INTERVAL('2023-02-01', '2023-01-01'))": "ends before it starts",
    "S_INTERSECTS(geometry, 5)": "compares geometries",
    "S_INTERSECTS(geometry, geometry)": "with itself",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))": "not valid: Self-intersection",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))": "cannot be read",
    "S_INTERSECTS(geometry, POINT EMPTY)": "cannot be read",
    "S_INTERSECTS(geometry, BBOX(1, 2, 3))": "four or six numbers",
    "net > 1e999": "too large",
    "net > 1)": "no cql2-text",
    "net >": "no cql2-text",
    "": "no cql2-text",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_cannot_be_answered_is_refused_by_name(city: Collection, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Filter.of(parse(text, "cql2-text"), city.fields)
    assert reason in refused.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2_000 + "net = 1" + ")" * 2_000,
        "NOT " * 50_000 + "net = 1",
        "net = " + "-" * 50_000 + "1",
        "net > " + " - ".join(["net"] * 50_000),
        " = ".join(["net"] * 50_000),
        '{"op":"not","args":[' * 1_000 + "true" + "]}" * 1_000,
    ],
)
def test_nesting_that_would_overrun_the_parsers_stack_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse(text)


def test_what_stands_side_by_side_may_be_long(city: Collection) -> None:
    assert (
        len(found(city, " OR ".join(f"emission_total = {k}" for k in range(5_000)))) == 24
    )  # 22 zeros, two cells of 1 t
    assert len(found(city, f"emission_total IN ({','.join(map(str, range(20_000)))})")) == 24
    with pytest.raises(TooLarge, match="too long"):
        parse("net > 1 OR " * (MAX_BYTES // 10))


def test_patterns() -> None:
    assert like("%")("")
    assert like("a%b%")("a1b")
    assert not like("a%b")("a1bc")
    assert like("%ab")("aab")
    assert like(r"100\%")("100%")
    assert not like(r"100\%")("1000")
    assert like("가_다%")("가나다라")
    assert not like("_")("")
    assert accenti("Café 가격") == "Cafe 가격"
    assert not like("%a" * 40 + "%b")("a" * 2_000)  # would never end if parts were given back


def test_blocks_that_cannot_match_are_not_read(square: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 cells are ten blocks, the largest value lies in one, and the answer is the same without bounds."""
    collection = square.collections["square-100m"]
    source = RecordSource(collection, 2023)
    values = source.column("emission_total", slice(0, len(source))).values
    largest = int(np.argmax(values))
    asked = Filter.of(parse(f"emission_total >= {float(values[largest])!r} AND status = 'ok'"), collection.fields)
    assert (rows := asked.select(source)) is not None
    assert rows.tolist() == [largest]
    read: set[int] = set()
    column = RecordSource.column

    def watched(self: RecordSource, name: str, rows: slice) -> object:
        read.update((np.arange(len(self))[rows] // BLOCK).tolist())
        return column(self, name, rows)

    monkeypatch.setattr(RecordSource, "column", watched)
    asked.select(source)
    assert read == {largest // BLOCK}
    same = asked.select(source, scan=True)
    assert same is not None
    assert same.tolist() == [largest]


def test_pages_and_sorts_of_a_filter(toy: Snapshot) -> None:
    history = toy.collections["toy-100m-history"]
    asked = Filter.of(parse("emission_transport > 0"), history.fields)
    whole = cells.read(history, CellQuery(filter=asked, sortby=("-net",)))
    assert whole.matched == 20
    pages, cursor = [], None
    while True:
        page = cells.read(history, CellQuery(filter=asked, sortby=("-net",), cursor=cursor, limit=7))
        assert page.matched == 20
        pages += page.feature_ids
        if (cursor := page.next_cursor) is None:
            break
    assert pages == whole.feature_ids
    assert len(found(history, "emission_transport > 0", years=(2022,))) == 10


def test_the_examples_of_the_documentation_count_what_they_say(city: Collection) -> None:
    page = (Path(__file__).parents[2] / "docs" / "filtering.md").read_text()
    examples = [line.rpartition("#") for line in page.split("```cql2\n")[1].split("```")[0].splitlines()]
    assert len(examples) == 12
    assert {text.strip(): len(found(city, text)) for text, _, _ in examples} == {
        text.strip(): int(count) for text, _, count in examples
    }
