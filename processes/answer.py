# SPDX-License-Identifier: Apache-2.0
"""Values of a finished process -> one response, raw or document (18-062r2, clause 7.11.4 and table 11).

``document``: a JSON object, value by output id. ``raw`` with one value: that value in its own media type, base64
decoded. ``raw`` with several: ``multipart/related``, a part per output named by Content-ID. Equal values, equal bytes.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import orjson

from carbongrid.errors import InvalidInput
from processes.base import JSON, Context, Encoded, Execution, Link, Process, bare
from processes.schema import Binary, Schema, decode

_QUALIFIED = ({"value", "mediaType"}, {"value", "mediaType", "encoding"})
"""Members of a qualified value in a document."""


@dataclass(frozen=True)
class Answer:
    """A response body: bytes, a text or what JSON can hold, its media type, and the edition it was made from."""

    media_type: str
    value: object
    edition: str | None = None

    def body(self) -> bytes:
        """Its bytes."""
        if isinstance(self.value, bytes):
            return self.value
        return self.value.encode() if isinstance(self.value, str) and self.media_type != JSON else dump(self.value)


def perform(process: Process, request: object, context: Context) -> Answer:
    """Check one execute request, run it and encode its outputs; domain errors pass through."""
    return finished(process, process.accept(request), context)


def finished(process: Process, execution: Execution, context: Context) -> Answer:
    """Run a checked request and encode its outputs."""
    made = process.execute(execution, context)
    return replace(answer(process, execution.response, made.values), edition=made.edition)


def dump(value: object) -> bytes:
    """Compact UTF-8 JSON; never NaN, never HTML escapes."""
    return orjson.dumps(value)


def answer(process: Process, response: str, values: Mapping[str, object]) -> Answer:
    """The response for the values of the outputs asked for; InvalidInput where none of them has one."""
    if response == "document":
        return Answer(JSON, {k: given(v) for k, v in values.items()})
    if not values:
        raise InvalidInput("none of the outputs asked for has a value", where="/outputs", allowed=process.outputs)
    parts = {k: single(process.outputs[k].schema, v) for k, v in values.items()}
    return next(iter(parts.values())) if len(parts) == 1 else related(parts)


def given(value: object) -> object:
    """A value as JSON: a link as it was given, bytes as a qualified value unless they are JSON."""
    if isinstance(value, Encoded):
        return qualified(value)
    return dict(value.given) if isinstance(value, Link) else value


def qualified(value: Encoded) -> object:
    """Bytes of a media type in a JSON document: JSON itself, text beside its type, all else as base64."""
    if bare(value.media_type).endswith("json"):
        return orjson.loads(value.data)
    if value.media_type.startswith("text/"):
        return {"value": value.data.decode(), "mediaType": value.media_type}
    return {"value": b64encode(value.data).decode(), "encoding": "base64", "mediaType": value.media_type}


def single(schema: Schema, value: object) -> Answer:
    """One value in its own media type: as a process made it, or as it stands in a document."""
    if isinstance(value, Encoded):
        return Answer(value.media_type, value.data)
    if isinstance(value, Link):
        return Answer(JSON, given(value))
    if isinstance(value, dict) and set(value) in _QUALIFIED:
        text = str(value["value"])
        return Answer(str(value["mediaType"]), decode(text) if "encoding" in value else text.encode())
    if isinstance(schema, Binary):
        return Answer(schema.media_type, decode(str(value)))
    media = schema.media_type if isinstance(value, str) or schema.media_type.endswith("json") else JSON
    return Answer(media, value)


def related(parts: Mapping[str, Answer]) -> Answer:
    """``multipart/related`` (RFC 2387); the boundary is a digest of the parts, so no part can hold it by chance."""
    bodies = {k: p.body() for k, p in parts.items()}
    boundary = b"part-" + sha256(b"\0".join(bodies.values())).hexdigest()[:32].encode()
    lines: list[bytes] = []
    for name, part in parts.items():
        head = f"Content-Type: {part.media_type}\r\nContent-ID: <{name}>\r\n".encode()
        lines += [b"--" + boundary, head, bodies[name]]
    first = next(iter(parts.values())).media_type.partition(";")[0]
    media = f'multipart/related; type="{first}"; boundary="{boundary.decode()}"'
    return Answer(media, b"\r\n".join(lines) + b"\r\n--" + boundary + b"--\r\n")
