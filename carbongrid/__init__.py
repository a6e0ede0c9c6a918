# SPDX-License-Identifier: Apache-2.0
"""Pure estimation and grid engine: no files but its own package data, no database, no web."""
