# SPDX-License-Identifier: Apache-2.0
"""``carbongrid export COLLECTION FILE.pmtiles``: all vector tiles in one file that maps read without a server."""

from pathlib import Path

import click

from carbonserver.console import out
from carbonserver.progress import Bars
from carbonserver.settings import Settings


def _zooms(_ctx: click.Context, _option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """First and last zoom of ``12`` or ``12-14``."""
    if value is None:
        return None
    first, dash, last = value.partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)):
        raise click.BadParameter(f"'{value}' is neither a zoom nor a range like 12-14")
    return int(first), int(last or first)


@click.command()
@click.argument("collection")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--zoom", callback=_zooms, help="Zooms as 12 or 12-14 (default: all that the server has).")
@click.option("--year", type=int, help="Draw this year of a history (default: its newest).")
@click.option("--lang", type=click.Choice(["ko", "en"]), default="ko", show_default=True, help="Language of its texts.")
def export(collection: str, file: Path, zoom: tuple[int, int] | None, year: int | None, lang: str) -> None:
    """Write the vector tiles of COLLECTION, or of "all" inventories, to FILE as PMTiles."""
    from carbonserver.archive import Archive
    from carbonstore.releases.catalogue import Catalogue

    archive = Archive.of(Catalogue(Settings.from_env().data).snapshot(), collection, year)
    with Bars(file.name, out) as bars:
        tiles = archive.write(file, zoom, lang, bars)
    out.print(f"{tiles:,} tiles, {file.stat().st_size:,} bytes: {file}", soft_wrap=True)
