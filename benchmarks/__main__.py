# SPDX-License-Identifier: Apache-2.0
"""``make bench``: every benchmark in turn, or those named: ``python -m benchmarks [estimating] [gridding] …``.

``national`` runs by name only: it writes a country and builds it three times.
Exit code 1 where a result differs from its peer's or a promise does not hold.
"""

import sys
from importlib import import_module

ALL = ("estimating", "gridding", "encoding", "filtering", "publishing", "regions", "serving", "peers")
NATIONAL = "national"


def main() -> int:
    """Run them; the worst exit code is ours."""
    names, sys.argv = sys.argv[1:] or list(ALL), sys.argv[:1]
    unknown = [name for name in names if name not in (*ALL, NATIONAL)]
    if unknown:
        print(f"no benchmark '{unknown[0]}' (allowed: {', '.join((*ALL, NATIONAL))})", file=sys.stderr)
        return 2
    worst = 0
    for name in names:
        print(f"== {name}", flush=True)
        worst = max(worst, import_module(f"benchmarks.{name}").main())
    return worst


if __name__ == "__main__":
    sys.exit(main())
