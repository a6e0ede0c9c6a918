# SPDX-License-Identifier: Apache-2.0
"""HTML forms -> execute requests: what a page's form sends, as ``application/x-www-form-urlencoded`` or multipart.

A field has the name of its input. Numbers, objects and boxes are read from their text; a file becomes its JSON value or
a qualified value in base64. ``outputs`` names the outputs wanted; the response is a document. What comes out is checked
like any other request.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import PurePath
from urllib.parse import parse_qsl

from carbongrid.errors import CarbongridError, InvalidInput, UnknownName
from processes.base import Input, Process
from processes.body import parse
from processes.schema import Array, BBox, Binary, Json, OneOf, Schema, Text

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
OUTPUTS = "outputs"
MOST_FIELDS = 1000
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".json": "application/json",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".tif": "image/tiff; application=geotiff",
    ".tiff": "image/tiff; application=geotiff",
    ".zip": "application/zip",
}
"""By suffix, because browsers name files by what the visitor's system knows."""


@dataclass(frozen=True)
class File:
    """An uploaded file."""

    name: str
    body: bytes

    @property
    def media_type(self) -> str:
        """By the suffix of its name."""
        return MEDIA_TYPES.get(PurePath(self.name).suffix.lower(), "application/octet-stream")

    def value(self, schema: Schema) -> object:
        """JSON as its value, anything else in base64, qualified by its media type."""
        if self.media_type.endswith("json"):
            return parse(self.body)
        text = base64.b64encode(self.body).decode()
        return (
            text if isinstance(schema, Binary) else {"value": text, "mediaType": self.media_type, "encoding": "base64"}
        )


type Fields = dict[str, list[str | File]]


def media(content_type: str) -> str | None:
    """The content type where it is one of a form's, else None."""
    return content_type if content_type.partition(";")[0].strip().lower() in (URLENCODED, MULTIPART) else None


def request_of(process: Process, content_type: str, body: bytes) -> Json:
    """The execute request of a form; InvalidInput for a field that means nothing."""
    given = fields(content_type, body)
    for name in given:
        if name not in process.inputs and name != OUTPUTS:
            raise UnknownName(name, [*process.inputs, OUTPUTS], kind="field", where=name)
    inputs = {k: _value(declared, given[k]) for k, declared in process.inputs.items() if given.get(k)}
    outputs: Json = {str(name): {} for name in given.get(OUTPUTS, [])}
    return {"inputs": inputs, "outputs": outputs, "response": "document"}


def fields(content_type: str, body: bytes) -> Fields:
    """Values by field; empty texts and files that were not chosen are left out."""
    pairs = _parts(content_type, body) if content_type.lower().startswith("multipart") else _texts(body)
    found: Fields = {}
    for name, value in pairs:
        if isinstance(value, File) or value.strip():
            found.setdefault(name, []).append(value)
    return found


def _texts(body: bytes) -> Iterator[tuple[str, str | File]]:
    try:
        yield from parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidInput("this is no form", allowed=[URLENCODED, MULTIPART]) from None


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str | File]]:
    """RFC 7578. The boundary is in no value, so splitting at it is safe for any bytes."""
    boundary = _parameter(content_type, "boundary")
    if not boundary:
        raise InvalidInput("the form has no boundary", where="Content-Type", allowed=[f"{MULTIPART}; boundary=…"])
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), MOST_FIELDS + 1)[1:]
    if len(parts) > MOST_FIELDS or not parts or not parts[-1].startswith(b"--"):
        raise InvalidInput("the form is cut off or has too many fields", allowed=[f"at most {MOST_FIELDS:,} fields"])
    for part in parts[:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        name, file = headers.get_param("name", header="content-disposition"), headers.get_filename()
        if file is None:
            yield str(name), value.decode("utf-8", "replace")
        elif file:
            yield str(name), File(file, value)


def _parameter(content_type: str, name: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    return str(message.get_param(name, ""))


def _value(declared: Input, given: list[str | File]) -> object:
    if declared.max_occurs == 1:
        return _read(declared.schema, given[-1])
    plain = [v.split(",") if isinstance(v, str) and not v.lstrip().startswith(("{", "[")) else [v] for v in given]
    return [_read(declared.schema, v.strip() if isinstance(v, str) else v) for several in plain for v in several]


def _read(schema: Schema, given: str | File) -> object:
    """A value from its text; a text that is none is left as it is: the check names what was expected."""
    if isinstance(given, File):
        return given.value(schema)
    text = given.strip()
    if isinstance(schema, Text | Binary):
        return given
    if isinstance(schema, Array | BBox) and not text.startswith(("{", "[")):
        numbers = [_json(part) for part in text.split(",")]
        return {"bbox": numbers} if isinstance(schema, BBox) else numbers
    if isinstance(schema, OneOf) and not text.startswith("{"):
        return given
    return _json(text)


def _json(text: str) -> object:
    try:
        return parse(text.encode())
    except CarbongridError:
        if text.lstrip().startswith(("{", "[")):
            raise
        return text
