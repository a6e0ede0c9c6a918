# SPDX-License-Identifier: Apache-2.0
"""``carbongrid explain CELL``: a cell's number back to source rows, activity, factors and shares."""

import json
from typing import TYPE_CHECKING

import click
from rich.table import Table

from carbonserver.console import out
from carbonserver.settings import Settings

if TYPE_CHECKING:
    from carbonstore.audit.explain import Explanation, Part
    from carbonstore.releases.stored import Release

LARGEST, LARGEST_ERRORS = 25, 8
"""Parts and errors that the text shows; JSON has all."""


@click.command()
@click.argument("cell")
@click.option("--inventory", help="Inventory that the cell is of (default: the only one that has it).")
@click.option("--year", type=int, help="Year (default: the newest, or that of a feature id CELL.YEAR).")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, all parts.")
def explain(cell: str, inventory: str | None, year: int | None, as_json: bool) -> None:
    """Take the number of a published CELL apart: sources, activity, factors, shares, uncertainty."""
    from carbonstore.audit import explain as explaining

    code, _, of_year = cell.partition(".")
    wanted = int(of_year) if of_year.isdecimal() and year is None else year
    release = _release(code, inventory, wanted)
    found = explaining.explain(release, explaining.find_cell(release, code))
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
        return
    _print(found)


def _release(code: str, inventory: str | None, year: int | None) -> "Release":
    """The published release that holds the cell; one clear error where none or several inventories do."""
    from carbongrid.errors import InvalidInput, NotFound
    from carbonstore.audit.explain import find_cell
    from carbonstore.releases.edition import current, inventories, releases

    root = Settings.from_env().data
    published = [inventory] if inventory is not None else inventories(root)
    by_year = {name: releases(root, current(root, name)) for name in published}
    chosen = [of[year or max(of)] for of in by_year.values() if year is None or year in of]
    found, refused = [], NotFound(f"nothing is published that has the cell '{code}'", allowed=published)
    for release in chosen:
        try:
            find_cell(release, code)
            found.append(release)
        except NotFound as error:
            refused = error if inventory is not None else refused
    if not found:
        raise refused
    if len(found) > 1:
        names = [release.inventory_id for release in found]
        raise InvalidInput("several inventories have this cell", where="--inventory", allowed=names)
    return found[0]


def _print(found: "Explanation") -> None:
    out.print(f"{found.inventory} {found.year} · {found.cell} · release {found.release}", soft_wrap=True)
    if found.synthetic:
        out.print("  synthetic: these are not real emissions")
    if found.missing:
        out.print(f"  incomplete: {found.missing}")
    for name, kg in found.kg.items():
        half = found.u95.get(name)
        out.print(f"  {name:<28} {_kg(kg):>16} kgCO2e{'' if half is None else f' ± {half:,}'}")
    out.print(_table(found.parts))
    if len(found.parts) > LARGEST:
        rest = sum(p.kg for p in found.parts[LARGEST:])
        out.print(f"  and {len(found.parts) - LARGEST} smaller parts of {rest:,} kg together (--json has all)")
    for name, parts in found.uncertainty.items():
        if found.kg[name] and (name != "net" or parts != found.uncertainty.get("emission_total")):
            shown = [f"{key} {half:,.0f}" for key, half in list(parts.items())[:LARGEST_ERRORS] if round(half)]
            out.print(f"  ± of {name} in kg, by what errs together: {', '.join(shown) or 0}", soft_wrap=True)


def _kg(kg: int | None) -> str:
    return "-" if kg is None else f"{kg:,}"


def _table(parts: tuple["Part", ...]) -> Table:
    table = Table()
    for head in ("source", "band"):
        table.add_column(head)
    for head in ("activity", "factor", "share", "kg"):
        table.add_column(head, justify="right")
    table.add_column("common row", overflow="fold")
    for part in parts[:LARGEST]:
        source = f"{part.kind} {part.source or f'{part.sources} metered'}"
        note = f" ({part.measured})" if part.measured == "pooled" else " (imputed)" if part.imputed else ""
        row = "" if part.row is None else f"± {part.row['u_pct']:.0f} % {part.row['id']}"
        table.add_row(
            source + note, part.band, _activity(part), _factor(part), f"{part.share:.1%}", f"{part.kg:,}", row
        )
    return table


def _activity(part: "Part") -> str:
    if part.activity is None:
        return "not told"
    unit = part.factor.get("unit", "").partition("/")[2]
    return f"{part.activity:,.3f} {unit}".rstrip()


def _factor(part: "Part") -> str:
    value = part.factor.get("value")
    said = "" if value is None else f" {value:g} {part.factor['unit']}"
    return f"{part.factor['id']}{said} ± {part.factor['u_pct']:g} %"
