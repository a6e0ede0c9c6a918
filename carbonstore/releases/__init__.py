# SPDX-License-Identifier: Apache-2.0
"""Releases and editions on disk: written whole, verified, published by one pointer, never changed."""
