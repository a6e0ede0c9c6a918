# SPDX-License-Identifier: Apache-2.0
"""Write the committed documents of the Sejong sample, or check that they are current.

    python -m openapi.generate              write openapi/openapi.json, openapi/openapi.yml and pygeoapi-config.yml
    python -m openapi.generate --check      exit 1 and name each file that is out of date
    python -m openapi.generate --describe DATA   first take sejong.json from the sample published below DATA

Nothing needs to be built or running. The server address is fixed, so the same sources give the same bytes.
"""

from pathlib import Path

import click
import orjson

from carbonserver.config import ENVIRONMENT, Place, api_document, pygeoapi_config, to_yaml
from openapi import sejong

ROOT = Path(__file__).parents[1]
FIXED = Place(data=".carbongrid", url="http://localhost:5000")
HEAD = "# SPDX-License-Identifier: Apache-2.0\n# Written by `make openapi` (openapi/generate.py); a test compares it.\n"


def documents() -> dict[Path, str]:
    """Text of every committed document by its path below the project's root."""
    collections = sejong.collections()
    document = api_document(pygeoapi_config(collections, FIXED), collections)
    folder = Path("openapi")
    return {
        folder / "openapi.json": orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n",
        folder / "openapi.yml": HEAD + to_yaml(document),
        Path("pygeoapi-config.yml"): HEAD + to_yaml(pygeoapi_config(collections, ENVIRONMENT)),
    }


def stale(root: Path = ROOT) -> list[Path]:
    """Documents that are missing or differ from what would be written."""
    texts = documents()
    return [path for path, text in texts.items() if not (root / path).exists() or (root / path).read_text() != text]


@click.command()
@click.option("--check", is_flag=True, help="Only say what is out of date.")
@click.option("--describe", type=click.Path(path_type=Path, exists=True), help="Data folder with the published sample.")
def main(check: bool, describe: Path | None) -> None:
    """Write or check the committed documents."""
    if describe is not None:
        sejong.FILE.write_bytes(sejong.described(describe))
    wrong = stale()
    if not check:
        texts = documents()
        for path in wrong:
            (ROOT / path).write_text(texts[path])
    for path in wrong:
        click.echo(f"{'out of date' if check else 'written'}: {path}")
    raise SystemExit(1 if check and wrong else 0)


if __name__ == "__main__":
    main()
