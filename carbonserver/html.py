# SPDX-License-Identifier: Apache-2.0
"""HTML pages: one template a page over its JSON twin, so that a page says what the document says.

The templates replace pygeoapi's file by file (``server.templates``), so stock ``pygeoapi serve`` shows them too; here
they are compiled once. Pages load nothing from another host and run no inline script (``SECURITY``).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, TemplateNotFound
from pygeoapi.l10n import str2locale

from carbongrid.errors import NotFound
from carbonserver.answers import LANGUAGES

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "viewer"
SECURITY = {
    # MapLibre's worker is a file of our own; style sheets carry small icons as data: images.
    "Content-Security-Policy": (
        "default-src 'self'; worker-src 'self'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_SHOWN = ("server", "metadata", "carbongrid")
_TOLD = ("type", "title", "description", "keywords", "extents")
EMPTY: Mapping[str, str] = MappingProxyType({})


def page(
    config: Mapping[str, Any],
    template: str,
    document: Mapping[str, Any],
    language: str,
    query: Mapping[str, str] = EMPTY,
) -> bytes:
    """The page of a document in ``ko`` or ``en``.

    ``config`` is pygeoapi's configuration, ``template`` a file below ``templates``; the parameters of ``query`` are
    kept where the reader switches the language.
    """
    told = {i: {k: r[k] for k in _TOLD if k in r} for i, r in config["resources"].items()}
    look = _spoken({k: config[k] for k in _SHOWN} | {"resources": told}, language)
    locale = str2locale(LANGUAGES[language])
    made = _environment().get_template(template).render(config=look, data=document, locale=locale, query=query)
    return made.encode()


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _spoken(value: Any, language: str) -> Any:
    """The value with every text in several languages replaced by one of them."""
    if isinstance(value, dict):
        if value.keys() == LANGUAGES.keys():
            return value[language]
        return {key: _spoken(inner, language) for key, inner in value.items()}
    return value


def drawn(config: Any, _templates: Any, template: Any, data: Any, locale: Any = None) -> str:
    """In place of pygeoapi's ``render_j2_template``: it compiles every template anew and keeps the first configuration.

    Its cache of translations is one for all configurations, so a page would never show what was published later.
    """
    language = locale.language if locale is not None and locale.language in LANGUAGES else "en"
    try:
        return page(config, str(template), data, language).decode()
    except TemplateNotFound:
        raise NotFound("there is no such page", where="f", allowed=["json"]) from None
