# SPDX-License-Identifier: Apache-2.0
"""The output ``report``: one page of HTML about a region, in Korean or English, which stands alone and prints well.

It is drawn from the outputs ``totals`` and ``profile``, so it says what they say.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from carbonstore.releases.catalogue import Published
from processes.reports.chart import COLOURS, Bar, bars
from processes.reports.words import WORDS
from processes.schema import Json

HTML = "text/html; charset=utf-8"
SERIES = ("emission_total", "absorption_forest", "net")


def report(published: Published, totals: Json, profile: Json, url: str, language: str) -> str:
    """The page in ``ko`` or ``en``; ``url`` is the server's public address, for its links."""
    words = {key: text[language] for key, text in WORDS.items()}
    shown: Any = totals["years"]
    newest = max(shown, key=lambda year: int(year["year"]))
    release = published.release(int(newest["year"]))
    drawn = {
        "t": words,
        "lang": language,
        "url": url,
        "title": published.title[language],
        "synthetic": published.synthetic,
        "totals": totals,
        "newest": newest,
        "own": _of_year(profile["years"], newest["year"]),
        "profile": profile,
        "around": profile["surroundings"],
        "beside": _of_year(_rows(profile["surroundings"]), newest["year"]),
        "series": SERIES,
        "colours": COLOURS,
        "chart": Markup(_chart(profile["trend"], words)),
        "factors": release.factors,
        "licences": release.manifest["licences"],
        "collection": next(iter(published.collections)),
    }
    return _environment().get_template("report.html").render(drawn)


def _rows(around: Any) -> Any:
    return around["years"] if around else []


def _of_year(rows: Any, year: int) -> Any:
    return next((row for row in rows if row["year"] == year), None)


def _chart(trend: Any, words: Mapping[str, str]) -> str:
    """Emissions, absorption and net by year, in tonnes."""
    given = [
        Bar(str(row["year"]), series, _tonnes(row["kg"].get(name)), _tonnes(row["kg"].get(f"{name}_u95")))
        for row in trend["years"]
        for series, name in enumerate(SERIES)
    ]
    return bars(given, words["trend"], "tCO2e")


def _tonnes(kg: int | None) -> float | None:
    return None if kg is None else kg / 1000


@cache
def _environment() -> Environment:
    folder = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"tonnes": _said, "percent": _percent}
    return made


def _said(kg: int | None) -> str:
    return "–" if kg is None else f"{kg / 1000:,.1f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
