# SPDX-License-Identifier: Apache-2.0
"""Input and output: readers of sources, releases, editions, encoders."""
