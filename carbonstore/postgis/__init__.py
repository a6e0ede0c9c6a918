# SPDX-License-Identifier: Apache-2.0
"""An edition published into PostGIS."""
