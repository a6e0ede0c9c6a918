# SPDX-License-Identifier: Apache-2.0
"""What is told of a release without changing it: explanation, comparison, validation."""
