# SPDX-License-Identifier: Apache-2.0
"""Collections as clients see them: cells, units and sources by one query and one batch."""
