# SPDX-License-Identifier: Apache-2.0
"""Raw answers: media type by ``f`` and Accept, language, content coding, ETag, 304 and the headers around them.

Everything answered from an edition carries ``Carbongrid-Edition`` and ``ETag: "{edition}.{variant}"``, where the
variant hashes what else the bytes depend on: package version, settings, media type, language and content coding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from types import MappingProxyType

import brotli
from isal import igzip
from starlette.requests import Request
from starlette.responses import Response

from carbongrid.errors import InvalidInput

VERSION = version("carbongrid")
COMPRESS_FROM = 1024
"""Bytes below which compression costs more than it saves (one network packet)."""
GZIP_LEVEL = 1
"""isa-l level: about 300 MB/s a core on GeoJSON, which shrinks to a tenth."""
BROTLI_QUALITY = 5
"""About 30 MB/s a core on vector tiles, 28 % smaller than gzip; 9 takes four times as long for 4 % more."""
VARY_UNTRANSLATED = "Accept, Accept-Encoding"
VARY = f"{VARY_UNTRANSLATED}, Accept-Language"
LIVE = "public, no-cache"
PINNED = "public, max-age=31536000, immutable"
EMPTY: Mapping[str, str] = MappingProxyType({})
LANGUAGES = {"ko": "ko-KR", "en": "en-US"}
TAGS = {tag: short for short, full in LANGUAGES.items() for tag in (short, full)}
"""Language by the values of ``lang``."""


class NotAcceptable(InvalidInput):
    """None of the media types that the client accepts can be served."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What a client gets of a resource: a format, a language ("" where it holds no text) and a content coding."""

    format: str
    media: str
    language: str
    coding: str

    def etag(self, edition: str, base_url: str) -> str:
        """Entity tag of this variant of a resource made from an edition."""
        return f'"{edition}.{_digest(VERSION, base_url, self.media, self.language, self.coding)}"'


@lru_cache(maxsize=1024)
def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:8]


def choose(request: Request, formats: Mapping[str, str], *, translated: bool = True) -> Variant:
    """The variant asked for; ``formats`` maps values of ``f`` to media types, the default first.

    A name that begins with an underscore is no value of ``f``: only Accept leads to it. ``translated``: the resource
    holds text for people. InvalidInput for an unknown ``f``; NotAcceptable where Accept excludes every format.
    """
    name = request.query_params.get("f")
    if name is None:
        name = _accepted(request.headers.get("accept", "*/*"), formats)
    elif name not in formats or name.startswith("_"):
        allowed = [f for f in formats if not f.startswith("_")]
        raise InvalidInput(f"'{name}' is no format of this resource", where="f", allowed=allowed)
    return Variant(name, formats[name], language(request) if translated else "", coding(request))


def _accepted(accept: str, formats: Mapping[str, str]) -> str:
    """Format of the best accepted media type; equal weights keep the server's order of preference."""
    weights = _weights(accept)
    scored = [(_weight(media.partition(";")[0], weights), name) for name, media in formats.items()]
    best = max(weight for weight, _ in scored)
    if best <= 0:
        media = ", ".join(dict.fromkeys(formats.values()))
        raise NotAcceptable(f"this resource has no representation as '{accept}'", where="Accept", allowed=[media])
    return next(name for weight, name in scored if weight == best)


def _weights(header: str) -> dict[str, float]:
    """Quality by value of an Accept-like header (RFC 9110, 12.4.2); a broken quality counts as 0."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        value, *parameters = (p.strip() for p in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        weights[value] = float(quality) if quality.replace(".", "", 1).isdecimal() else 0.0
    return weights


def _weight(media: str, weights: Mapping[str, float]) -> float:
    """Weight of a media type: the most specific range that names it decides."""
    for key in (media, f"{media.partition('/')[0]}/*", "*/*"):
        if key in weights:
            return weights[key]
    return 0.0


def language(request: Request) -> str:
    """``ko`` or ``en``: by ``lang``, else by Accept-Language, else Korean; InvalidInput for another ``lang``."""
    asked = request.query_params.get("lang")
    if asked is not None:
        return spoken(asked)
    weights = _weights(request.headers.get("accept-language", ""))
    known = {tag[:2]: weight for tag, weight in sorted(weights.items(), key=lambda w: w[1]) if tag[:2] in LANGUAGES}
    return max(known, key=known.__getitem__, default="ko")


def spoken(tag: str) -> str:
    """The language of a tag (``en`` or ``en-US``); InvalidInput for one that is not spoken here."""
    if tag not in TAGS:
        raise InvalidInput(f"'{tag}' is not spoken here", where="lang", allowed=list(TAGS))
    return TAGS[tag]


def coding(request: Request) -> str:
    """``gzip`` where the client takes it, else ``br``, else ``identity``: what is made anew must be quick."""
    offered = codings(request.headers.get("accept-encoding", ""))
    return "gzip" if "gzip" in offered else offered[0]


@lru_cache(maxsize=256)
def codings(accepted: str) -> tuple[str, ...]:
    """Content codings to answer in by an Accept-Encoding header, the smallest first; identity where it names none."""
    weights = _weights(accepted)
    weight = {name: weights.get(name, weights.get("*", 0.0)) for name in ("br", "gzip")}
    taken = [name for name, w in weight.items() if w > 0]
    return tuple(sorted(taken, key=lambda name: -weight[name])) or ("identity",)


@lru_cache(maxsize=256)
def accepts(accepted: str, media: str) -> bool:
    """Whether an Accept header lets a media type through."""
    return _weight(media.partition(";")[0], _weights(accepted)) > 0


def not_modified(request: Request, etag: str) -> bool:
    """Does If-None-Match name this entity (weak comparison, RFC 9110 13.1.2)?"""
    held = entity_tags(request.headers.get("if-none-match", ""))
    return etag in held or held == ["*"]


def entity_tags(held: str) -> list[str]:
    """The tags of an If-None-Match header, weak ones as strong ones."""
    return [tag.strip().removeprefix("W/") for tag in held.split(",")]


def headers(request: Request, variant: Variant, edition: str, base_url: str, more: Mapping[str, str]) -> dict[str, str]:
    """Headers of an answer made from one edition; one whose address names the edition never changes."""
    pinned = PINNED if "edition" in request.query_params else LIVE
    own = {"Carbongrid-Edition": edition, "Cache-Control": pinned}
    return _common(variant, variant.etag(edition, base_url)) | own | dict(more)


def shared_headers(variant: Variant, state: str, base_url: str, more: Mapping[str, str] = EMPTY) -> dict[str, str]:
    """Headers of an answer made from everything published; ``state`` is the hash of all editions."""
    return _common(variant, variant.etag(state, base_url)) | {"Cache-Control": LIVE} | dict(more)


def _common(variant: Variant, etag: str) -> dict[str, str]:
    if variant.language:
        return {"ETag": etag, "Vary": VARY, "Content-Language": LANGUAGES[variant.language]}
    return {"ETag": etag, "Vary": VARY_UNTRANSLATED}


def reply(request: Request, variant: Variant, head: Mapping[str, str], make: Callable[[], bytes]) -> Response:
    """304 where the client holds the current entity, else 200 with what ``make`` gives."""
    return unchanged(head) if not_modified(request, head["ETag"]) else respond(request, variant, make(), head)


def respond(request: Request, variant: Variant, body: bytes, head: Mapping[str, str]) -> Response:
    """200 with the body in the variant's coding; a HEAD request gets the headers of it."""
    sent = dict(head)
    if variant.coding != "identity" and len(body) >= COMPRESS_FROM:
        body, sent["Content-Encoding"] = _compressed(body, variant.coding), variant.coding
    if request.method == "HEAD":
        return Response(None, 200, {**sent, "Content-Length": str(len(body))}, variant.media)
    return Response(body, 200, sent, variant.media)


def _compressed(body: bytes, coding: str) -> bytes:
    if coding == "br":
        return bytes(brotli.compress(body, quality=BROTLI_QUALITY))
    return bytes(igzip.compress(body, GZIP_LEVEL, mtime=0))


def unchanged(head: Mapping[str, str]) -> Response:
    """304 with the headers that a 200 would have had."""
    return Response(None, 304, dict(head))


def only(request: Request, allowed: Sequence[str]) -> None:
    """InvalidInput for the first query parameter that the resource does not declare, or that is given twice."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in allowed:
            raise InvalidInput(f"unknown parameter '{name}'", where=request.url.path, allowed=sorted(allowed))
        if name in seen:
            raise InvalidInput(f"the parameter '{name}' is given twice", where=request.url.path)
        seen.add(name)
