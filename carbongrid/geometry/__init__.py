# SPDX-License-Identifier: Apache-2.0
"""Kernels over coordinates: boxes, rings, overlaps, curves; WKB in and out."""
