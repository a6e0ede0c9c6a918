# SPDX-License-Identifier: Apache-2.0
"""``carbongrid validate``: how well the model predicts metered parcels without their meters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from carbonserver.console import out
from carbonserver.progress import Bars
from carbonserver.settings import Settings

VERDICTS = {"ok": "as stated", "under": "intervals too narrow", "over": "intervals wider than needed"}
UNITS = {"co2e_kg": "kgCO2e", "energy_kwh": "kWh"}


@click.command()
@click.argument("what", metavar="FILE.toml|ID")
@click.option("--year", type=int, help="Validate this year instead of the file's.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def validate(what: str, year: int | None, as_json: bool) -> None:
    """Hold out a fifth of the metered parcels, predict them without meters, compare; written into the release.

    With an inventory ID, print what was found for its published releases.
    """
    results = _results(what, year, quiet=as_json)
    if as_json:
        click.echo(json.dumps(results, ensure_ascii=False, indent=2))
        return
    for result in results:
        _print(result)


def _results(what: str, year: int | None, quiet: bool) -> list[dict[str, Any]]:
    from carbonstore.audit import validation

    root = Settings.from_env().data
    if not what.endswith(".toml"):
        return [r for r in validation.stored(root, what) if year in (None, r["year"])]
    if quiet:
        return [validation.validate(Path(what), root, year=year)]
    with Bars(Path(what).stem, out) as bars:
        return [validation.validate(Path(what), root, year=year, progress=bars)]


def _print(result: Mapping[str, Any]) -> None:
    parcels = result["parcels"]
    table = Table(
        title=f"{result['inventory']} {result['year']} · release {result['release']} · "
        f"{parcels['held_out']:,} of {parcels['metered']:,} metered parcels held out",
        title_justify="left",
    )
    for head in ("use", "of", "parcels", "bias %", "MAPE %", "RMSE", "in 95 % interval", "by chance"):
        table.add_column(head, justify="left" if head in ("use", "of") else "right")
    table.add_column("uncertainty")
    for use, fits in {**result["uses"], "all": result["all"]}.items():
        for quantity, fit in fits.items():
            numbers = (f"{fit['bias_pct']:+.1f}", f"{fit['mape_pct']:.1f}", f"{fit['rmse']:,.0f} {UNITS[quantity]}")
            covered = f"{fit['coverage_pct']:.1f} %"
            chance = "{:g}-{:g} %".format(*fit["chance_pct"]) if "chance_pct" in fit else ""
            table.add_row(use, quantity, f"{fit['parcels']:,}", *numbers, covered, chance, VERDICTS[fit["verdict"]])
    out.print(table)
    skipped = parcels["not_comparable"] + parcels["in_small_uses"]
    if skipped:
        out.print(
            f"{skipped} held-out parcels are not shown: without floor area or use, or of uses too small to tell of"
        )
