# SPDX-License-Identifier: Apache-2.0
"""OpenAPI 3.0 pieces of the processes, made from the declarations: paths and component schemas, self-contained."""

from collections.abc import Iterable, Mapping, Sequence

from processes.base import JSON, LANGUAGE_TAGS, RESPONSES, Input, Process, said
from processes.jobs.job import STATES
from processes.registry import PROCESSES
from processes.schema import Json, clean

_TEXT: Json = {"type": "string"}
_LINK = {"$ref": "#/components/schemas/link"}
_PREFER: Json = {"name": "Prefer", "in": "header", "required": False, "schema": _TEXT}
_PREFER |= {"description": "respond-async runs it as a job; wait=S waits up to S seconds for its results first"}
_INFO = {"$ref": "#/components/schemas/statusInfo"}
_PLACE: Json = {"Location": {"description": "Address of the job", "schema": _TEXT}}
_ACCEPTED: Json = {"description": "A job; Location names it", "headers": _PLACE, "content": {JSON: {"schema": _INFO}}}


def parts(language: str = "en") -> Json:
    """``{"paths": …, "components": {"schemas": …}, "tags": […]}`` for the server's document."""
    paths: Json = {"/processes": {"get": _get("getProcesses", "The processes", "processList", ["limit", "offset"])}}
    for process in PROCESSES.values():
        described = _get(f"describe.{process.id}", f"Description of {process.id}", "process")
        paths[f"/processes/{process.id}"] = {"get": described}
        paths[f"/processes/{process.id}/execution"] = {"post": _execution(process, language)}
    paths |= _jobs()
    return {"paths": paths, "components": {"schemas": schemas()}, "tags": [{"name": "processes"}, {"name": "jobs"}]}


def request_schema(process: Process) -> Json:
    """JSON schema of an execute request."""
    inputs = {k: value_schema(i) for k, i in process.inputs.items()}
    required = [k for k, i in process.inputs.items() if i.min_occurs] or None
    return _object(
        {
            "inputs": _object(inputs, required),
            "outputs": _object({k: _asked(o.media_types) for k, o in process.outputs.items()}),
            "response": {"type": "string", "enum": list(RESPONSES), "default": "raw"},
        },
        ["inputs"] if required else None,
    )


def value_schema(declared: Input) -> Json:
    """What may stand for an input: a value, several where they may occur, a qualified value, a link where taken."""
    value = declared.schema.json()
    media: Json = {"type": "string", "enum": sorted(set(declared.accepted))}
    one: list[Json] = [value, _object({"value": value, "mediaType": media, "encoding": _TEXT}, ["value"])]
    if declared.files:
        one.append(_file(declared))
    if declared.links:
        one.append(dict(_LINK))
    if declared.max_occurs > 1:
        one.append({"type": "array", "items": value, "minItems": 1, "maxItems": declared.max_occurs})
    return clean(anyOf=one, default=declared.default, description=said(declared.description, "en"))


def _file(declared: Input) -> Json:
    """A file as base64 text of a qualified value."""
    text: Json = {"type": "string", "format": "byte"}
    media: Json = {"type": "string", "enum": list(declared.files)}
    encoding: Json = {"type": "string", "enum": ["base64"]}
    return _object({"value": text, "mediaType": media, "encoding": encoding}, ["value", "mediaType"])


def schemas() -> Json:
    """Component schemas that the paths refer to."""
    strings: Json = {"type": "array", "items": _TEXT}
    links: Json = {"type": "array", "items": _LINK}
    summary: Json = dict.fromkeys(("id", "version", "title", "description"), _TEXT)
    summary |= {"keywords": strings, "jobControlOptions": strings, "outputTransmission": strings, "links": links}
    opened: Json = {"type": "object", "additionalProperties": {"type": "object"}}
    described = summary | {"inputs": opened, "outputs": opened, "example": {"type": "object"}}
    listed: Json = {"type": "array", "items": {"$ref": "#/components/schemas/processSummary"}}
    return {
        "link": _open(dict.fromkeys(("href", "rel", "type", "hreflang", "title"), _TEXT), ["href"]),
        "exception": _open(
            {
                **dict.fromkeys(("type", "title", "detail", "instance", "where"), _TEXT),
                "status": {"type": "integer"},
                "allowed": strings,
            },
            ["type"],
        ),
        "processSummary": _open(summary, ["id", "version"]),
        "process": _open(described, ["id", "version", "inputs", "outputs"]),
        "processList": _open({"processes": listed, "links": links}, ["processes", "links"]),
        "statusInfo": _status_info(links),
        "jobList": _open({"jobs": {"type": "array", "items": _INFO}, "links": links}, ["jobs", "links"]),
    }


def _status_info(links: Json) -> Json:
    time: Json = {"type": "string", "format": "date-time"}
    times: Json = dict.fromkeys(("created", "started", "finished", "updated"), time)
    about: Json = {
        "jobID": _TEXT,
        "processID": _TEXT,
        "type": {"type": "string", "enum": ["process"]},
        "status": {"type": "string", "enum": list(STATES)},
        "message": _TEXT,
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
    }
    return _open(about | times | {"links": links}, ["jobID", "status", "type"])


def _execution(process: Process, language: str) -> Json:
    body = {JSON: {"schema": request_schema(process), "example": process.example}}
    kinds = [kind for output in process.outputs.values() for kind in (output.schema, *output.others)]
    single = {kind.media_type.partition(";")[0]: {"schema": kind.json()} for kind in kinds}
    answers = single | {JSON: {"schema": {}}, "multipart/related": {"schema": {"type": "string", "format": "binary"}}}
    ok: Json = {"description": "The outputs, raw or as a document by output id", "content": answers}
    return {
        "operationId": f"execute.{process.id}",
        "tags": ["processes"],
        "summary": said(process.title, language),
        "description": said(process.description, language),
        "requestBody": {"required": True, "content": body},
        "parameters": [_PREFER],
        "responses": {"200": ok, "201": _ACCEPTED} | _problems(400, 404, 413, 429, 500),
    }


def _get(
    operation: str,
    summary: str,
    schema: str,
    numbers: Iterable[str] = (),
    *,
    tag: str = "processes",
    texts: Iterable[str] = (),
    more: Iterable[int] = (),
) -> Json:
    """A list or document in JSON or HTML; ``texts``: further text parameters, ``more``: further refusals."""
    ranges: dict[str, Json] = {
        "limit": {"minimum": 1, "maximum": 10_000},
        "offset": {"minimum": 0, "maximum": 1_000_000},
    }
    formats: Json = {"type": "string", "enum": ["json", "html"]}
    languages: Json = {"type": "string", "enum": list(LANGUAGE_TAGS)}
    parameters = [
        _query("f", formats),
        _query("lang", languages),
        *(_query(n, {"type": "integer", **ranges[n]}) for n in numbers),
        *(_query(name, _TEXT) for name in texts),
    ]
    ok: Json = {
        "description": summary,
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}, "text/html": {"schema": _TEXT}},
    }
    responses = {"200": ok} | _problems(*sorted((400, 404, 500, *more)), page=True)
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": summary,
        "parameters": parameters,
        "responses": responses,
    }


def _jobs() -> Json:
    path: Json = {"name": "jobId", "in": "path", "required": True, "schema": _TEXT}
    info: Json = {"description": "The job", "content": {JSON: {"schema": _INFO}, "text/html": {"schema": _TEXT}}}
    one: Json = {
        "tags": ["jobs"],
        "parameters": [path],
        "responses": {"200": info} | _problems(400, 404, 500, page=True),
    }
    made: Json = {"description": "The outputs, as they were asked for", "content": {JSON: {"schema": {}}}}
    filters, summary = (
        ("status", "type", "processID"),
        "The jobs of a bearer token, or the anonymous ones where listed",
    )
    listed = _get("getJobs", summary, "jobList", ["limit", "offset"], tag="jobs", texts=filters, more=[401])
    responses = {"200": made} | _problems(400, 404, 410, 500)
    results = one | {"operationId": "getJobResults", "summary": "Results of a job", "responses": responses}
    named: Json = {"name": "outputId", "in": "path", "required": True, "schema": _TEXT}
    output = results | {"operationId": "getJobOutput", "summary": "One output of a document of results"}
    output |= {"parameters": [path, named]}
    return {
        "/jobs": {"get": listed},
        "/jobs/{jobId}": {
            "get": one | {"operationId": "getJob", "summary": "Status of a job"},
            "delete": one | {"operationId": "dismissJob", "summary": "Dismiss a job"},
        },
        "/jobs/{jobId}/results": {"get": results},
        "/jobs/{jobId}/results/{outputId}": {"get": output},
    }


def _problems(*statuses: int, page: bool = False) -> Json:
    """Refusals; ``page``: in HTML too, where HTML was asked for."""
    content: Json = {JSON: {"schema": {"$ref": "#/components/schemas/exception"}}}
    content |= {"text/html": {"schema": _TEXT}} if page else {}
    return {str(s): {"description": _MEANING[s], "content": content} for s in statuses}


_MEANING = {
    400: "The request is wrong; where names the place",
    401: "A bearer token is needed: any secret of your own choice",
    404: "Not found",
    410: "Gone",
    413: "Too large",
    429: "The queue is full; Retry-After says when to try again",
    500: "Internal error",
}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _asked(media_types: Sequence[str]) -> Json:
    form = _object({"mediaType": {"type": "string", "enum": list(media_types)}})
    return _object({"transmissionMode": {"type": "string", "enum": ["value"]}, "format": form})


def _object(properties: Mapping[str, object], required: list[str] | None = None) -> Json:
    return clean(type="object", properties=properties, required=required, additionalProperties=False)


def _open(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required}
