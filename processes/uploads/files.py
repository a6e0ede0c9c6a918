# SPDX-License-Identifier: Apache-2.0
"""Files that clients send: read by a process of their own (:mod:`.sandbox`), handed over as rows and a CRS."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pyarrow as pa
import pyogrio

from carbongrid.errors import InvalidInput, TooLarge
from processes.base import Upload, bare
from processes.uploads.sandbox import CPU_S, FILE, FORMS, REFUSED, Form, environment

GEOJSON, CSV = "application/geo+json", "text/csv"
GEOPACKAGE, KML = "application/geopackage+sqlite3", "application/vnd.google-earth.kml+xml"
ZIP = ("application/zip", "application/x-zip-compressed")
MEDIA = {
    GEOPACKAGE: FORMS["GeoPackage"],
    **dict.fromkeys(ZIP, FORMS["zipped Shapefile"]),
    KML: FORMS["KML"],
    GEOJSON: FORMS["GeoJSON"],
}
"""Kind of file by media type."""
_WALL_S = 2.0 * CPU_S
_OUT_OF_TIME = (None, -signal.SIGXCPU, -signal.SIGKILL)
_BEGINNING = 512


@dataclass(frozen=True)
class Rows:
    """Rows of a file: attributes, WKB of each row (None where it has none), the CRS it states (None: none)."""

    table: pa.Table
    wkb: list[bytes | None]
    crs: str | None


def rows(upload: Upload) -> Rows:
    """Rows of a file's one layer; InvalidInput or TooLarge at the file's place for what cannot be read."""
    form = MEDIA[bare(upload.media_type)]
    _check_beginning(upload, form)
    with TemporaryDirectory(prefix="carbongrid-") as folder:
        path = Path(folder) / f"layer.{form.suffix}"
        path.write_bytes(upload.data)
        code, out = _run(form, path)
    if code == 0 and len(out) <= 2 * FILE:
        return _parsed(out)
    raise _refusal(code, out, form, upload.at)


def _check_beginning(upload: Upload, form: Form) -> None:
    start = upload.data[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(form.begins):
        if form.name == "KML" and b"<!" in upload.data and b"<!ENTITY" in upload.data.upper():
            raise InvalidInput("the KML declares entities", where=upload.at, allowed=["KML without a DTD"])
        return
    looks = next((f.name for f in FORMS.values() if start.startswith(f.begins)), None)
    hint = f": it begins like a {looks}" if looks else ""
    raise InvalidInput(f"this is no {form.name}{hint}", where=upload.at, allowed=list(MEDIA))


def _run(form: Form, path: Path) -> tuple[int | None, bytes]:
    """Exit code (None: it was stopped) and output of the process that reads; it gets nothing of our environment."""
    command = [sys.executable, "-m", "processes.uploads.sandbox", form.name, str(path)]
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        ended = subprocess.run(
            command,
            env=environment(form, _drivers()),
            cwd=path.parent,
            stdin=nothing,
            stdout=pipe,
            stderr=nothing,
            timeout=_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, b""
    return ended.returncode, ended.stdout


@cache
def _drivers() -> tuple[str, ...]:
    return tuple(pyogrio.list_drivers())


def _parsed(out: bytes) -> Rows:
    table = pa.ipc.open_stream(out).read_all()
    crs = (table.schema.metadata or {}).get(b"crs", b"").decode()
    return Rows(table.drop_columns(["geometry"]), table["geometry"].to_pylist(), crs or None)


def _refusal(code: int | None, out: bytes, form: Form, at: str) -> InvalidInput | TooLarge:
    """What the process said, or how it died."""
    if code in _OUT_OF_TIME:
        return TooLarge(f"reading the {form.name} takes more than {CPU_S} s", where=at)
    if code != REFUSED:
        return InvalidInput(f"the {form.name} is damaged, or reading it takes too much memory", where=at)
    said = orjson.loads(out)
    kind = TooLarge if said["kind"] == TooLarge.__name__ else InvalidInput
    return kind(said["what"], where=at, allowed=said["allowed"])
