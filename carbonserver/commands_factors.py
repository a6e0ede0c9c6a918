# SPDX-License-Identifier: Apache-2.0
"""``carbongrid factors list | show | check``: the factor registry, placeholders marked."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from rich.table import Table

from carbonserver.console import out

if TYPE_CHECKING:
    from carbongrid.registry import Entry

MARK = "▲"
"""Stands before every placeholder."""


@click.group()
def factors() -> None:
    """Emission factors and tables of a country, with source, status and uncertainty."""


@factors.command("list")
@click.option("--country", default="kor", show_default=True, help="Country pack.")
@click.option("--table", "only", help="Rows of this table only, e.g. intensities.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_(country: str, only: str | None, as_json: bool) -> None:
    """List every factor and table row that estimates of a COUNTRY may use."""
    from carbongrid.errors import UnknownName
    from carbongrid.factors import FactorSet
    from carbongrid.registry import entries

    found = entries(FactorSet.load(country))
    tables = {e.table for e in found}
    if only is not None and only not in tables:
        raise UnknownName(only, tables, kind="table", where=country)
    chosen = [e for e in found if only in (None, e.table)]
    if as_json:
        click.echo(_dump([e.as_dict() for e in chosen]))
        return
    out.print(_table(chosen, f"factors of {country}"))
    out.print(_counts(chosen))


@factors.command()
@click.argument("name", metavar="ID")
@click.option("--country", default="kor", show_default=True, help="Country pack.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show(name: str, country: str, as_json: bool) -> None:
    """Show one factor or table row with all its columns."""
    from carbongrid.factors import FactorSet
    from carbongrid.registry import find

    entry = find(FactorSet.load(country), name)
    if as_json:
        click.echo(_dump(entry.as_dict()))
        return
    out.print(f"{entry.table} · {_marked(entry)}")
    said = {"status": entry.status, "u": f"± {entry.u_pct:g} %", "year": entry.year, "basis": entry.basis}
    for key, value in {**entry.values, **said, "source": entry.source}.items():
        out.print(f"  {key:<18} {value}", soft_wrap=True)


@factors.command()
@click.option("--country", help="Say more of this pack only (every pack is checked).")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def check(country: str | None, as_json: bool) -> None:
    """Check every country pack as at load, and list the placeholders that are to be replaced."""
    from carbongrid.errors import UnknownName
    from carbongrid.registry import check as check_packs

    packs = check_packs()
    if country is not None and country not in packs:
        raise UnknownName(country, packs, kind="country")
    shown = {name: found for name, found in packs.items() if country in (None, name)}
    if as_json:
        click.echo(_dump({n: {"rows": len(f), "placeholders": _placeholders(f)} for n, f in shown.items()}))
        return
    for name, found in shown.items():
        out.print(_table([e for e in found if e.placeholder], f"placeholders of {name}"))
    for name, found in packs.items():
        out.print(f"{name}: ok, {_counts(found)}")


def _placeholders(found: Iterable["Entry"]) -> list[dict[str, object]]:
    return [e.as_dict() for e in found if e.placeholder]


def _dump(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _marked(entry: "Entry") -> str:
    return f"{MARK} {entry.id}" if entry.placeholder else entry.id


def _counts(found: Iterable["Entry"]) -> str:
    """E.g. ``240 rows: 12 verified, 30 derived, 20 literature, 178 placeholder (▲)``."""
    from carbongrid.tables import STATUS

    count = Counter(e.status for e in found)
    parts = ", ".join(f"{count[s]} {s}" for s in STATUS)
    return f"{count.total()} rows: {parts} ({MARK})"


def _table(found: Iterable["Entry"], title: str) -> Table:
    table = Table("table", "id", "value", "year", "basis", "u %", "status", "source", title=title, title_justify="left")
    for e in found:
        value = f"{e.values['value']:g} {e.values.get('unit', '')}".strip() if "value" in e.values else ""
        table.add_row(e.table, _marked(e), value, str(e.year), e.basis, f"{e.u_pct:g}", e.status, e.source)
    return table
