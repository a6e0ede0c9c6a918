# SPDX-License-Identifier: Apache-2.0
"""A region of a published map: what lies inside, its totals, units, zones and differences between years."""
