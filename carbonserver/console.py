# SPDX-License-Identifier: Apache-2.0
"""Where commands print: as wide as the terminal, and wide enough for every table where there is none."""

import sys

from rich.console import Console

PIPED_WIDTH = 200
"""Columns where output goes to a file or a pipe, which has no width of its own."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)
