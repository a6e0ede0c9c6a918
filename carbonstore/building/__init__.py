# SPDX-License-Identifier: Apache-2.0
"""A build: read, check, estimate, grid, write; in slices, resumable."""
