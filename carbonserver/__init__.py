# SPDX-License-Identifier: Apache-2.0
"""The server: composition root of providers, processes, raw routes, viewer and command line."""
