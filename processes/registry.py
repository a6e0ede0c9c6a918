# SPDX-License-Identifier: Apache-2.0
"""The processes of this server, by id, in the order they are listed."""

from processes.aggregate import AGGREGATE
from processes.base import Process
from processes.compare_years import COMPARE_YEARS
from processes.echo import ECHO
from processes.estimate_region import ESTIMATE_REGION

PROCESSES: dict[str, Process] = {p.id: p for p in (ECHO, ESTIMATE_REGION, AGGREGATE, COMPARE_YEARS)}
