# SPDX-License-Identifier: Apache-2.0
"""``python -m carbonserver`` is the command line."""

from carbonserver.cli import main

if __name__ == "__main__":  # the processes of jobs import this module again
    main()
