# SPDX-License-Identifier: Apache-2.0
"""pygeoapi providers over published editions."""
