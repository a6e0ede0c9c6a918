# SPDX-License-Identifier: Apache-2.0
"""OGC API Processes over HTTP: routes, negotiation, forms, OpenAPI."""
