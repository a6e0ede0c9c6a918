# SPDX-License-Identifier: Apache-2.0
"""Side by side with peers: same machine, same run, results compared for equality first."""
