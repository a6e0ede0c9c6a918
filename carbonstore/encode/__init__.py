# SPDX-License-Identifier: Apache-2.0
"""Encoders: a batch of cells to bytes."""
