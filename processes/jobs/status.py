# SPDX-License-Identifier: Apache-2.0
"""A job as clients read it: ``statusInfo.yaml`` of OGC API - Processes (18-062r2, clause 7.12)."""

from datetime import UTC, datetime

from processes.base import JSON
from processes.jobs.job import Job

RELATION = "http://www.opengis.net/def/rel/ogc/1.0/"


def link(href: str, rel: str, media_type: str = JSON) -> dict[str, str]:
    """A link object."""
    return {"href": href, "rel": rel, "type": media_type}


def status_info(job: Job, url: str, language: str) -> dict[str, object]:
    """Status, progress, times and links of a job; ``url``: the server's public address."""
    here = f"{url}/jobs/{job.id}"
    links = [link(here, "self")]
    if job.status == "successful":
        links.append(link(f"{here}/results", f"{RELATION}results"))
    if job.problem is not None:
        links.append(link(f"{here}/results", f"{RELATION}exceptions"))
    times = {k: _time(getattr(job, k)) for k in ("created", "started", "finished", "updated")}
    told = job.problem["detail"] if job.problem else job.message and job.message[language]
    info: dict[str, object] = {"jobID": job.id, "processID": job.process, "type": "process", "status": job.status}
    optional = {"message": told, **times}
    return info | {"progress": job.progress} | {k: v for k, v in optional.items() if v} | {"links": links}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
