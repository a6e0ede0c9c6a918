# SPDX-License-Identifier: Apache-2.0
"""The user's inventory file: what to build from what."""
