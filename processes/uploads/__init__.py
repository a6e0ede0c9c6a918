# SPDX-License-Identifier: Apache-2.0
"""Files of clients: read in a process of their own with one driver, archives bounded."""
