# SPDX-License-Identifier: Apache-2.0
"""Durable jobs: the journal, the engine that runs them on Dask in processes of their own, results, callbacks."""
