# SPDX-License-Identifier: Apache-2.0
"""Activity data of clients: tables as declared, the same model as a yearly build."""
