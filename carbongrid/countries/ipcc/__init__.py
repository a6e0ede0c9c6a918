# SPDX-License-Identifier: Apache-2.0
"""Country packs: factors and levels as data."""
