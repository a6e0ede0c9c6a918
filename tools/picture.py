# SPDX-License-Identifier: Apache-2.0
"""Draw the README's picture from the real map page.

python -m tools.picture                         # serves CARBONGRID_DATA (default .carbongrid) itself
python -m tools.picture --url http://localhost:5000 --query 'inventory=songpa&sector=buildings' --out songpa.png
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from carbonserver.app import create_app
from carbonserver.settings import Settings
from tools.browser import chromium, free_port, serving, visit

OUT = Path(__file__).resolve().parents[1] / "docs" / "map.png"
QUERY = "inventory=sejong&sector=total&lang=en"
WIDTH, HEIGHT = 1280, 800


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """The given server, or one of our own over the published data."""
    if url is not None:
        yield url.rstrip("/")
        return
    port = free_port()
    settings = replace(Settings.from_env(), url=f"http://localhost:{port}", port=port)
    with serving(create_app(settings), port):
        yield settings.url


def draw(url: str, out: Path, pick: tuple[int, int] | None = None) -> list[str]:
    """Save a picture of a map address; ``pick`` clicks a pixel first. Returns what the browser complained of."""
    with chromium() as browser:
        seen = visit(browser, url, viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        if pick is not None:
            seen.page.mouse.click(*pick)
        seen.settle()
        seen.page.mouse.move(WIDTH - 1, HEIGHT // 2)
        out.parent.mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=out)
        return seen.complaints


def main() -> int:
    """Command line: 0 where the picture was drawn without a complaint of the browser."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="a running server; default: one of its own")
    parser.add_argument("--query", default=QUERY, help="query and hash of the map address")
    parser.add_argument("--pick", help="x,y of a pixel to click, for a picture with a card")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    x, y = (int(v) for v in options.pick.split(",")) if options.pick else (0, 0)
    with server(options.url) as base:
        complaints = draw(f"{base}/map?{options.query}", options.out, (x, y) if options.pick else None)
    print(*(complaints or [options.out]), sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
