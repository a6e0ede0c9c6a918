# SPDX-License-Identifier: Apache-2.0
"""``carbongrid compare A B``: what changed between two releases, years or editions."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
from rich.table import Table

from carbonserver.console import out
from carbonserver.settings import Settings

if TYPE_CHECKING:
    from carbonstore.audit.compare import Comparison, Names

NAMED = 6
"""Names that one line of the text shows; JSON has all."""


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def compare(before: str, after: str, as_json: bool) -> None:
    """Say what changed from A to B: inputs, factors, totals, cells.

    A and B are release ids, or inventories as ID, ID.YEAR, ID@EDITION or ID.YEAR@EDITION.
    """
    from carbonstore.audit import compare as comparing

    root = Settings.from_env().data
    found = comparing.compare(comparing.find(root, before), comparing.find(root, after))
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
        return
    _print(found)


def _print(found: "Comparison") -> None:
    out.print(f"release {found.before} -> {found.after}")
    if found.same:
        out.print("  the same release")
        return
    for key, (a, b) in found.settings.items():
        out.print(f"  {key}: {a} -> {b}", soft_wrap=True)
    if found.model_changed:
        out.print("  built by another version of the model")
    for what, names in (("inputs", found.inputs), ("factors", found.factors), ("table rows", found.rows)):
        out.print(f"  {what}: {_names(names)}", soft_wrap=True)
    for kind, names in found.sources.items():
        out.print(f"  {kind}: {', '.join(f'{n:,} {how}' for how, n in names.counts().items() if n)}")
    if found.figures or found.bands:
        out.print(_totals(found))
        for name, change in found.changes.items():
            out.print(f"  {name} changed by {change.kg:+,} ± {change.u95:,} kg (95 %)", soft_wrap=True)
    for units in found.units:
        parts = f"{units.changed:,} changed, {units.added:,} added, {units.removed:,} removed, {units.units:,} now"
        out.print(f"  units {units.level}: {parts}{_recoded(units.recoded)}", soft_wrap=True)
    _print_cells(found)


def _print_cells(found: "Comparison") -> None:
    if found.levels is None or found.largest is None:
        out.print("  cells stand on different grids and are not compared")
        return
    for level in found.levels:
        parts = f"{level.changed:,} changed, {level.added:,} added, {level.removed:,} removed"
        out.print(f"  cells of {level.level} m: {parts}, {level.cells:,} now")
    if found.largest:
        table = Table("cell", title="largest changes", title_justify="left")
        for head in ("net before, kg", "net after, kg"):
            table.add_column(head, justify="right")
        table.add_column("bands")
        for c in found.largest:
            table.add_row(c.cell, _kg(c.before), _kg(c.after), ", ".join(c.bands))
        out.print(table)


def _totals(found: "Comparison") -> Table:
    table = Table("total")
    for head in ("before, kg", "after, kg", "change, kg"):
        table.add_column(head, justify="right")
    for name, (a, b) in {**found.figures, **found.bands}.items():
        table.add_row(name, _kg(a), _kg(b), "-" if a is None or b is None else f"{b - a:+,}")
    return table


def _recoded(codes: Mapping[str, str]) -> str:
    """Codes that changed, the first few by name."""
    named = [f"{old} is {new}" for old, new in codes.items()]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"; codes: {', '.join(named[:NAMED])}{more}" if named else ""


def _names(names: "Names") -> str:
    if not names:
        return "the same"
    said = []
    for how, listed in (("changed", names.changed), ("added", names.added), ("removed", names.removed)):
        if listed:
            more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
            said.append(f"{how} {', '.join(listed[:NAMED])}{more}")
    return "; ".join(said)


def _kg(kg: int | None) -> str:
    return "-" if kg is None else f"{kg:,}"
