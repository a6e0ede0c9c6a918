# SPDX-License-Identifier: Apache-2.0
"""The API's own OpenAPI 3.0 document: self-contained, so it resolves on a closed network."""
