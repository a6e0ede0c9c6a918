# SPDX-License-Identifier: Apache-2.0
"""A process is declared once, as a value; its description, its validation and its OpenAPI operation come from there.

:class:`Process` names inputs, outputs and the function that does the work. :meth:`Process.accept` turns an execute
request (18-062r2, clause 7.11) into an :class:`Execution` or raises InvalidInput with the JSON pointer of the place;
:meth:`Process.execute` runs it. Nothing here is shared between requests.
"""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from carbongrid.errors import InvalidInput, TooLarge, UnknownName
from processes.body import MAX_VALUES
from processes.jobs.callbacks import Subscriber
from processes.schema import Binary, Json, Schema, Words, clean, decode, finite, named, point, refuse

if TYPE_CHECKING:
    from carbonstore.releases.catalogue import Catalogue

MIB = 1 << 20
JSON = "application/json"
LANGUAGES = ("ko", "en")
"""Spoken here; the first where nothing else is asked for."""
LANGUAGE_TAGS = ("ko", "ko-KR", "en", "en-US")
"""Values of the query parameter ``lang``."""
ASYNC = "Prefer: respond-async"
RESPONSES = ("raw", "document")
_REQUEST = ("inputs", "outputs", "response", "subscriber")
_QUALIFIED = ("value", "mediaType", "encoding", "schema", "format")
_FORMAT = ("mediaType", "encoding", "schema")
_LINK = ("href", "rel", "type", "hreflang", "title", "format")
_OUTPUT = ("transmissionMode", "format")


@dataclass(frozen=True)
class Link:
    """A value given by reference, as it stood in the request; ``at`` is its place."""

    given: Mapping[str, object]
    at: str

    @property
    def href(self) -> str:
        """The address."""
        return str(self.given["href"])


@dataclass(frozen=True)
class Placed:
    """A value and its place in the request, for processes that check its inside themselves."""

    value: object
    at: str


@dataclass(frozen=True)
class Upload:
    """A file that came as base64 text in a qualified value: its bytes, what it is said to be, its place."""

    data: bytes = field(repr=False)
    media_type: str
    at: str


@dataclass(frozen=True)
class Input:
    """One declared input. ``max_occurs`` > 1: a single value or an array of them, handed over as a tuple.

    ``links``: a value by reference is handed over as :class:`Link`, else refused. ``placed``: the value is handed over
    as :class:`Placed`. ``media_types``: what a qualified value may say it is, beside the kind's own. ``files``: media
    types of files taken as base64 text and handed over as :class:`Upload`. ``max_bytes``: of a value, a file decoded.
    """

    schema: Schema
    title: Words
    description: Words
    min_occurs: int = 1
    max_occurs: int = 1
    default: object = None
    links: bool = False
    placed: bool = False
    media_types: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    max_bytes: int | None = None

    @property
    def required_or_default(self) -> bool:
        """Whether the process gets a value (or an error) even where the request has none."""
        return self.min_occurs > 0 or self.default is not None

    @property
    def accepted(self) -> tuple[str, ...]:
        """Media types a qualified value may declare."""
        return (*self.media_types, self.schema.media_type)

    def describe(self, language: str | None) -> Json:
        """Its member of a process description."""
        schema = self.json() | clean(default=self.default)
        texts = {"title": said(self.title, language), "description": said(self.description, language)}
        return texts | {"schema": schema, "minOccurs": self.min_occurs, "maxOccurs": self.max_occurs}

    def json(self) -> Json:
        """JSON schema of its value: that of its kind, and base64 text of a file where files are taken."""
        own = self.schema.json()
        if not self.files:
            return own
        either = own["oneOf"] if list(own) == ["oneOf"] else [own]
        assert isinstance(either, list)
        return {"oneOf": [*either, *(Binary(media).json() for media in self.files)]}

    def accept(self, value: object, at: str) -> object:
        """The checked value, or a tuple of values where several may occur."""
        if self.max_occurs == 1:
            return self._one(value, at)
        if not isinstance(value, list):
            return (self._one(value, at),)
        if not self.min_occurs <= len(value) <= self.max_occurs or not value:
            raise refuse(f"{len(value)} values are given", at, f"{max(1, self.min_occurs)} to {self.max_occurs}")
        return tuple(self._one(v, point(at, i)) for i, v in enumerate(value))

    def _one(self, value: object, at: str) -> object:
        if isinstance(value, dict) and "href" in value:
            return self._link(value, at)
        if isinstance(value, dict) and "value" in value and not set(value) - set(_QUALIFIED):
            if self.files and isinstance(value["value"], str):
                return self._file(value, at)
            self._media(value, at)
            value, at = value["value"], point(at, "value")
        checked = self.schema.check(value, at)
        if self.max_bytes is not None and (size := len(orjson.dumps(checked))) > self.max_bytes:
            raise self._too_large(size, at)
        return Placed(checked, at) if self.placed else checked

    def _file(self, value: dict[str, object], at: str) -> Upload:
        """The bytes of a file; its media type must be said, its encoding is base64; text may come as it is."""
        media, encoding = _form(value, at)
        if media is None or bare(media) not in self.files:
            what = "a file needs its media type" if media is None else f"{named(media)} is no accepted file"
            raise refuse(what, point(at, "mediaType"), *self.files)
        plain = bare(media).startswith("text/")
        known = ("utf-8", "base64", "binary") if plain else ("base64", "binary")
        if encoding is not None and str(encoding).lower() not in known:
            raise refuse(f"{named(encoding)} is no accepted encoding", point(at, "encoding"), *known[:-1])
        text, place = str(value["value"]), point(at, "value")
        if plain and str(encoding or "utf-8").lower() == "utf-8":
            return self._checked_file(text.encode(), bare(media), place)
        if self.max_bytes is not None and len(text) // 4 * 3 - 2 > self.max_bytes:
            raise self._too_large(len(text) // 4 * 3, place)
        try:
            data = decode(text)
        except (binascii.Error, ValueError):
            raise refuse(f"base64 text of {media} is expected", place) from None
        return self._checked_file(data, bare(media), place)

    def _checked_file(self, data: bytes, media: str, at: str) -> Upload:
        if self.max_bytes is not None and len(data) > self.max_bytes:
            raise self._too_large(len(data), at)
        return Upload(data, media, at)

    def _too_large(self, size: int, at: str) -> TooLarge:
        return TooLarge(f"{size:,} bytes, more than the {self.max_bytes:,} this input may have", where=at)

    def _link(self, value: dict[str, object], at: str) -> Link:
        if not self.links:
            raise refuse("a value by reference (href) is not accepted here; send the value itself", at)
        for name in value:
            if name not in _LINK:
                raise UnknownName(name, _LINK, kind="member of a link", where=point(at, name))
        if not isinstance(value["href"], str):
            raise refuse(f"an address is expected, not {named(value['href'])}", point(at, "href"))
        finite(value, at)
        return Link(value, at)

    def _media(self, value: dict[str, object], at: str) -> None:
        """Check media type and encoding of a qualified value."""
        media, encoding = _form(value, at)
        if media is not None and bare(media) not in map(bare, self.accepted):
            raise refuse(f"{named(media)} is no accepted media type", point(at, "mediaType"), *self.accepted)
        encodings = ("base64", "binary") if isinstance(self.schema, Binary) else ("utf-8",)
        if encoding is not None and str(encoding).lower() not in encodings:
            raise refuse(f"{named(encoding)} is no accepted encoding", point(at, "encoding"), *encodings)


def _form(value: dict[str, object], at: str) -> tuple[object, object]:
    """Media type and encoding of a qualified value, None where unsaid; the older nested ``format`` is read too."""
    form = value.get("format", {})
    if not isinstance(form, dict):
        raise refuse(f"an object is expected, not {named(form)}", point(at, "format"), *_FORMAT)
    media, encoding = (value.get(k, form.get(k)) for k in ("mediaType", "encoding"))
    return media, encoding


@dataclass(frozen=True)
class Output:
    """One declared output. Its media type is its kind's; ``others``: kinds of further ones that may be asked for."""

    schema: Schema
    title: Words
    description: Words
    others: tuple[Schema, ...] = ()

    @property
    def media_types(self) -> tuple[str, ...]:
        """What it may be asked for in, the default first."""
        return tuple(kind.media_type for kind in (self.schema, *self.others))

    def json(self) -> Json:
        """JSON schema of its value, one a media type."""
        kinds = [kind.json() for kind in (self.schema, *self.others)]
        return {"oneOf": kinds} if self.others else kinds[0]

    def describe(self, language: str | None) -> Json:
        """Its member of a process description."""
        texts = {"title": said(self.title, language), "description": said(self.description, language)}
        return texts | {"schema": self.json()}

    def accept(self, given: object, at: str) -> str:
        """The media type that the output is asked for in; by value only."""
        if not isinstance(given, dict):
            raise refuse(f"an object is expected, not {named(given)}", at, *_OUTPUT)
        for name in given:
            if name not in _OUTPUT:
                raise UnknownName(name, _OUTPUT, kind="member of an output", where=point(at, name))
        if given.get("transmissionMode", "value") != "value":
            mode = named(given["transmissionMode"])
            raise refuse(f"{mode} is no transmission mode of this output", point(at, "transmissionMode"), "value")
        form = given.get("format", {})
        media = form.get("mediaType") if isinstance(form, dict) else form
        known = {bare(one): one for one in self.media_types}
        if media is not None and bare(media) not in known:
            place = point(point(at, "format"), "mediaType")
            raise refuse(f"{named(media)} is no format of this output", place, *self.media_types)
        return self.media_types[0] if media is None else known[bare(media)]


type Report = Callable[[float, Words], None]
"""Hears how far a run has come: the share done (0 to 1), and what it does now."""


def unheard(share: float, stage: Words) -> None:
    """Progress that nobody waits for."""


@dataclass(frozen=True)
class Context:
    """What a process may look at: the published map, and the server's public address for its own links.

    ``report`` is told how far the run has come; ``job``: nobody waits on a connection, so it may take long.
    """

    catalogue: "Catalogue"
    url: str
    report: Report = unheard
    job: bool = False


@dataclass(frozen=True)
class Execution:
    """A request that passed every check: values by input id, the outputs asked for with the media type of each, raw or
    document, whom to tell.
    """

    inputs: Mapping[str, object]
    outputs: Mapping[str, str]
    response: str = "raw"
    subscriber: Subscriber | None = None


@dataclass(frozen=True)
class Encoded:
    """The value of an output as the bytes of its media type."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Results:
    """What a run gives: value by output id (outputs without a value left out) and the edition it was read from."""

    values: Mapping[str, object]
    edition: str | None = None


type Run = Callable[[Execution, Context], Results]
"""The work of a process."""
type Weigh = Callable[[Execution], str | None]
"""What makes a checked request too much for a client to wait for; None where nothing does."""


def light(execution: Execution) -> None:
    """Every request may be waited for."""


@dataclass(frozen=True)
class Process:
    """A declared process.

    ``max_body``: the largest execute request in bytes, counted before parsing; ``max_values``: how many JSON
    values it may hold; ``max_sync``: the largest one that is
    answered at once, where ``heavy`` finds nothing against it. Others are taken as jobs only.
    """

    id: str
    version: str
    title: Words
    description: Words
    keywords: tuple[str, ...]
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    example: Json
    run: Run = field(repr=False)
    max_body: int = MIB
    max_values: int = MAX_VALUES
    max_sync: int = 10 * MIB
    heavy: Weigh = field(default=light, repr=False)

    def describe(self, language: str | None = None) -> Json:
        """Process description (18-062r2, clause 7.9); ``language`` None keeps every text as ``{ko, en}``."""
        return {
            "id": self.id,
            "version": self.version,
            "title": said(self.title, language),
            "description": said(self.description, language),
            "keywords": list(self.keywords),
            "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
            "outputTransmission": ["value"],
            "links": [],
            "inputs": {k: v.describe(language) for k, v in self.inputs.items()},
            "outputs": {k: v.describe(language) for k, v in self.outputs.items()},
            "example": self.example,
        }

    def accept(self, request: object) -> Execution:
        """Check an execute request as parsed from JSON; InvalidInput with the JSON pointer of what is wrong."""
        if not isinstance(request, dict):
            raise refuse(f"an execute request is a JSON object, not {named(request)}", "", *_REQUEST[:3])
        for name in request:
            if name not in _REQUEST:
                raise UnknownName(name, _REQUEST[:3], kind="member of an execute request", where=point("", name))
        response = request.get("response", "raw")
        if response not in RESPONSES:
            raise refuse(f"{named(response)} is no response type", "/response", *RESPONSES)
        inputs = self._inputs(request.get("inputs", {}))
        subscriber = Subscriber.of(request["subscriber"], "/subscriber") if "subscriber" in request else None
        return Execution(inputs, self._outputs(request.get("outputs")), response, subscriber)

    def at_once(self, execution: Execution, size: int = 0) -> None:
        """TooLarge unless the request, of ``size`` bytes, may be answered while its client waits."""
        if execution.subscriber is not None:
            raise refuse("only jobs tell subscribers", "/subscriber", f"with the header {ASYNC}")
        heavy = self.heavy(execution) or (f"a request of {size:,} bytes" if size > self.max_sync else None)
        if heavy is not None:
            what = f"{heavy} is too much to wait for; send it with the header {ASYNC}"
            raise TooLarge(what, where="Prefer", allowed=["respond-async"])

    def execute(self, execution: Execution, context: Context) -> Results:
        """Run it and keep the outputs asked for, in declared order."""
        made = self.run(execution, context)
        return Results({k: made.values[k] for k in execution.outputs if k in made.values}, made.edition)

    def _inputs(self, given: object) -> dict[str, object]:
        if not isinstance(given, dict):
            raise refuse(f"an object is expected, not {named(given)}", "/inputs", *self.inputs)
        for name in given:
            if name not in self.inputs:
                raise UnknownName(name, self.inputs, kind="input", where=point("/inputs", name))
        return {k: self._input(k, given) for k, i in self.inputs.items() if k in given or i.required_or_default}

    def _input(self, name: str, given: dict[str, object]) -> object:
        declared, at = self.inputs[name], point("/inputs", name)
        if name in given:
            return declared.accept(given[name], at)
        if declared.min_occurs:
            raise InvalidInput("this input is required", where=at)
        return declared.accept(declared.default, at)

    def _outputs(self, given: object) -> dict[str, str]:
        """Media type by id of those asked for; all where ``outputs`` is left out or empty (requirement 27)."""
        if given is None or given == {}:
            return {name: output.media_types[0] for name, output in self.outputs.items()}
        if not isinstance(given, dict):
            raise refuse(f"an object is expected, not {named(given)}", "/outputs", *self.outputs)
        for name in given:
            if name not in self.outputs:
                raise UnknownName(name, self.outputs, kind="output", where=point("/outputs", name))
        return {k: o.accept(given[k], point("/outputs", k)) for k, o in self.outputs.items() if k in given}


def said(words: Words, language: str | None) -> object:
    """A text in one language (English where it lacks), or both as a dict."""
    return dict(words) if language is None else words.get(language, words["en"])


def bare(media_type: object) -> str:
    """Type and subtype without parameters, lower case."""
    return str(media_type).partition(";")[0].strip().lower()
