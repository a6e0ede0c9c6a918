# SPDX-License-Identifier: Apache-2.0
"""Declared processes: an execute request is taken whole or refused at its place; answers are raw or a document."""

import email
from email.message import Message

import numpy as np
import pytest

from carbongrid.errors import InvalidInput, TooLarge
from processes.answer import Answer, answer
from processes.base import Context, Execution, Input, Link, Output, Process, Results
from processes.body import MAX_DEPTH, MAX_VALUES, measure, parse
from processes.schema import Array, Binary, Number, Object, Text

WORDS = {"ko": "예", "en": "example"}
PARCELS = Object({"count": Number()})


def work(execution: Execution, context: Context) -> Results:
    return Results(dict(execution.inputs))


TRY = Process(
    id="try",
    version="1.0.0",
    title={"ko": "시험", "en": "Try"},
    description=WORDS,
    keywords=(),
    inputs={
        "year": Input(Number(1990, 2100, integer=True), WORDS, WORDS, min_occurs=0, max_occurs=3),
        "name": Input(Text(), WORDS, WORDS),
        "mode": Input(Text(("end_user", "territorial")), WORDS, WORDS, min_occurs=0, default="end_user"),
        "parcels": Input(PARCELS, WORDS, WORDS, min_occurs=0, media_types=("application/vnd.parcels+json",)),
        "file": Input(Binary("image/tiff; application=geotiff"), WORDS, WORDS, min_occurs=0, links=True),
    },
    outputs={
        "name": Output(Text(), WORDS, WORDS),
        "parcels": Output(PARCELS, WORDS, WORDS),
        "years": Output(Array(Number()), WORDS, WORDS),
        "file": Output(Binary("image/tiff; application=geotiff"), WORDS, WORDS),
    },
    example={},
    run=work,
)


def accept(inputs: object, **rest: object) -> Execution:
    return TRY.accept({"inputs": inputs, **rest})


def test_single_values_arrays_and_defaults() -> None:
    assert accept({"name": "a"}).inputs == {"name": "a", "mode": "end_user"}
    assert accept({"name": "a", "year": 2022}).inputs["year"] == (2022,)
    assert accept({"name": "a", "year": [2022, 2023]}).inputs["year"] == (2022, 2023)


def test_qualified_values_in_both_spellings() -> None:
    qualified = {"value": {"count": 2}, "mediaType": "application/vnd.parcels+json; v=1"}
    nested = {"value": {"count": 2}, "format": {"mediaType": "application/json", "encoding": "UTF-8"}}
    for given in (qualified, nested, {"value": {"count": 2}}, {"count": 2}):
        assert accept({"name": "a", "parcels": given}).inputs["parcels"] == {"count": 2}
    assert accept({"name": {"value": "a", "mediaType": "text/plain"}}).inputs["name"] == "a"
    assert accept({"name": "a", "year": [{"value": 2022}, 2023]}).inputs["year"] == (2022, 2023)


def test_a_link_is_handed_over_unread_where_links_are_taken() -> None:
    link = {"href": "https://example.com/a.tif", "format": {"mediaType": "image/tiff; application=geotiff"}}
    given = accept({"name": "a", "file": link}).inputs["file"]
    assert isinstance(given, Link)
    assert (given.href, given.at) == ("https://example.com/a.tif", "/inputs/file")


@pytest.mark.parametrize(
    ("request_", "where", "allowed"),
    [
        ([], "", ("inputs", "outputs", "response")),
        ({"input": {}}, "/input", ("inputs", "outputs", "response")),
        ({"inputs": []}, "/inputs", tuple(TRY.inputs)),
        ({"inputs": {"nam": "a"}}, "/inputs/nam", tuple(sorted(TRY.inputs))),
        ({"inputs": {}}, "/inputs/name", ()),
        ({"inputs": {"name": 1}}, "/inputs/name", ()),
        ({"inputs": {"name": "a", "year": [2022, "2023"]}}, "/inputs/year/1", ("1990 to 2100",)),
        ({"inputs": {"name": "a", "year": []}}, "/inputs/year", ("1 to 3",)),
        ({"inputs": {"name": "a", "year": [1, 2, 3, 4]}}, "/inputs/year", ("1 to 3",)),
        ({"inputs": {"name": "a", "parcels": {"value": {"count": "2"}}}}, "/inputs/parcels/value/count", ()),
        ({"inputs": {"name": "a", "parcels": {"href": "x"}}}, "/inputs/parcels", ()),
        ({"inputs": {"name": "a", "file": {"href": 1}}}, "/inputs/file/href", ()),
        ({"inputs": {"name": "a", "file": {"href": "x", "url": 1}}}, "/inputs/file/url", None),
        ({"inputs": {"name": "a", "file": {"type": "wrong/type"}}}, "/inputs/file", ()),
        ({"inputs": {"name": {"value": "a", "mediaType": "text/html"}}}, "/inputs/name/mediaType", None),
        ({"inputs": {"name": {"value": "a", "encoding": "base64"}}}, "/inputs/name/encoding", ("utf-8",)),
        ({"inputs": {"name": "a"}, "outputs": []}, "/outputs", tuple(TRY.outputs)),
        ({"inputs": {"name": "a"}, "outputs": {"cells": {}}}, "/outputs/cells", tuple(sorted(TRY.outputs))),
        ({"inputs": {"name": "a"}, "outputs": {"name": None}}, "/outputs/name", None),
        ({"inputs": {"name": "a"}, "outputs": {"name": {"transmissionMode": "reference"}}},
         "/outputs/name/transmissionMode", ("value",)),
        ({"inputs": {"name": "a"}, "outputs": {"years": {"format": {"mediaType": "text/csv"}}}},
         "/outputs/years/format/mediaType", ("application/json",)),
        ({"inputs": {"name": "a"}, "response": "both"}, "/response", ("raw", "document")),
        ({"inputs": {"name": "a"}, "subscriber": {"failedUri": "https://example.com"}}, "/subscriber", None),
    ],
)  # fmt: skip
def test_refusals_name_the_place(request_: object, where: str, allowed: tuple[str, ...] | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        TRY.accept(request_)
    assert refused.value.where == where
    assert allowed is None or refused.value.allowed == allowed


def test_outputs_are_selected_and_all_by_default() -> None:
    everything = {name: output.schema.media_type for name, output in TRY.outputs.items()}
    assert accept({"name": "a"}).outputs == everything
    assert accept({"name": "a"}, outputs={}).outputs == everything
    chosen = accept({"name": "a"}, outputs={"years": {}, "name": {"transmissionMode": "value"}})
    assert tuple(chosen.outputs) == ("name", "years")


def test_description_speaks_one_language_or_both() -> None:
    korean, both = TRY.describe("ko"), TRY.describe()
    assert (korean["title"], both["title"]) == ("시험", {"ko": "시험", "en": "Try"})
    inputs = both["inputs"]
    assert isinstance(inputs, dict)
    assert (inputs["year"]["minOccurs"], inputs["year"]["maxOccurs"]) == (0, 3)
    assert inputs["mode"]["schema"] == {"type": "string", "enum": ["end_user", "territorial"], "default": "end_user"}
    inputs["mode"]["schema"].clear()
    assert TRY.describe("en") != TRY.describe("ko"), "descriptions are made anew each time"


def test_document_is_keyed_by_output_id() -> None:
    made = answer(TRY, "document", {"name": "<a & b>", "years": [1, 2]})
    assert (made.media_type, made.body()) == ("application/json", b'{"name":"<a & b>","years":[1,2]}')


def test_raw_single_value_comes_in_its_own_media_type() -> None:
    assert raw("name", "가<b>") == ("text/plain; charset=utf-8", "가<b>".encode())
    assert raw("years", [1, 2]) == ("application/json", b"[1,2]")
    assert raw("file", "TU0AKg==") == ("image/tiff; application=geotiff", b"MM\x00*")
    assert raw("file", "TU0AKg") == ("image/tiff; application=geotiff", b"MM\x00*"), "padding is optional"
    assert raw("file", Link({"href": "https://example.com"}, "")) == (
        "application/json",
        b'{"href":"https://example.com"}',
    )


def raw(name: str, value: object) -> tuple[str, bytes]:
    made = answer(TRY, "raw", {name: value})
    return made.media_type, made.body()


def test_raw_several_values_are_multipart_related() -> None:
    made = answer(TRY, "raw", {"name": "가", "years": [1], "file": "TU0AKg=="})
    parts = unpacked(made)
    assert made.media_type.startswith('multipart/related; type="text/plain"; boundary=')
    assert [(p["Content-ID"], p["Content-Type"], p.get_payload(decode=True)) for p in parts] == [
        ("<name>", "text/plain; charset=utf-8", "가".encode()),
        ("<years>", "application/json", b"[1]"),
        ("<file>", "image/tiff; application=geotiff", b"MM\x00*"),
    ]
    assert made == answer(TRY, "raw", {"name": "가", "years": [1], "file": "TU0AKg=="})


def unpacked(made: Answer) -> list[Message]:
    message = email.message_from_bytes(f"Content-Type: {made.media_type}\r\n\r\n".encode() + made.body())
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)]


def test_raw_without_any_value_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        answer(TRY, "raw", {})
    assert refused.value.where == "/outputs"


def test_measure_counts_depth_values_and_colons_outside_strings() -> None:
    for text, deep, many, colons in (
        ("1", 0, 1, 0),
        ('{"a":[1,2,[3]]}', 3, 6, 1),
        (r'["[[[:","\"[[,:","\\"]', 1, 4, 0),
        ('{"a": {"b" : ":"}}', 2, 3, 2),
        ("]]]]", 0, 1, 0),
        ('"unfinished [[[', 0, 1, 0),
    ):
        assert measure(np.frombuffer(text.encode(), np.uint8)) == (deep, many, colons), text


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "the request body is empty"),
        (b"  \n", "the request body is empty"),
        (b"{", "the request body is not JSON"),
        (b"[NaN]", "the request body is not JSON"),
        (b"[Infinity]", "the request body is not JSON"),
        (b"[1e999]", "the request body is not JSON"),
        (b'"\xff"', "the request body is not JSON"),
        (b'{"a": 1, "a": 2}', "the member 'a' is given twice in one object"),
        (b'[0, {"a": [{"b": {}, "c": ":", "\\u0062": 2}]}]', "the member 'b' is given twice in one object"),
        (b"[" * 200_000, "the JSON is nested 200000 deep"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "the JSON is nested 33 deep"),
    ],
)
def test_hostile_bodies_are_refused(body: bytes, what: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(body)
    assert refused.value.what.startswith(what)


def test_bodies_at_the_limits() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert parse(b"\xef\xbb\xbf{}") == {}, "a byte order mark is skipped"
    with pytest.raises(TooLarge):
        parse(b"[" + b"0," * MAX_VALUES + b"0]")
