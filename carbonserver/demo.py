# SPDX-License-Identifier: Apache-2.0
"""The sample from nothing to published: write, build, publish; only what the recipe changed is done again."""

import json
import socket
from hashlib import sha256
from pathlib import Path

from rich.console import Console

from carbongrid.errors import InvalidInput
from carbonserver.progress import Bars
from carbonstore.sample import recipe_hash, write_sample

YEARS = (2022, 2023)


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


def write(name: str, root: Path, console: Console) -> list[Path]:
    """Write the sample's source files; returns its inventory files, one a year."""
    with Bars(name, console) as bars:
        return write_sample(name, root / "samples" / name, YEARS, progress=bars)


def prepare(name: str, root: Path, console: Console) -> None:
    """Write, build and publish the sample unless the published one came from the same recipe."""
    mark = root / "samples" / name / "recipe.json"
    recipe = _recipe(name)
    if mark.exists() and json.loads(mark.read_text()) == recipe and _is_published(name, root):
        return
    mark.unlink(missing_ok=True)
    _make(name, root, console)
    mark.write_text(json.dumps(recipe))


def _is_published(name: str, root: Path) -> bool:
    from carbonstore.edition import inventories

    return name in inventories(root)


def _make(name: str, root: Path, console: Console) -> None:
    from carbonstore.build import build
    from carbonstore.edition import publish

    for year, file in zip(YEARS, write(name, root, console), strict=True):
        with Bars(f"{name} {year}", console) as bars:
            build(file, root, progress=bars)
    console.print(f"published edition {publish(root, name, YEARS)}")


def _recipe(name: str) -> dict[str, str]:
    """What the published sample depends on: the generator and the code that estimates and stores."""
    here = Path(__file__).parents[1]
    code = sha256()
    for package in ("carbongrid", "carbonstore"):
        for path in sorted((here / package).rglob("*")):
            if path.suffix in (".py", ".csv", ".toml", ".ini"):
                code.update(path.read_bytes())
    return {"sample": recipe_hash(name, YEARS), "code": code.hexdigest()}
