# SPDX-License-Identifier: Apache-2.0
"""The report of a region: one page of HTML with its words and chart."""
