# SPDX-License-Identifier: Apache-2.0
"""``python -m carbonserver`` is the command line."""

from carbonserver.cli import main

main()
