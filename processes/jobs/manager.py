# SPDX-License-Identifier: Apache-2.0
"""pygeoapi process manager without shared state: checks, runs in the request, keeps nothing.

pygeoapi's own stores the processor of the last request on itself and then runs it, so that under load one client gets
another's process. Here :meth:`CarbonManager.execute_process` holds everything in local names. There are no jobs
here: only ``carbongrid serve`` has them, whose routes go ahead of pygeoapi's; ``respond-async`` is answered at once.
"""

import secrets
from http import HTTPStatus
from typing import NoReturn

from pygeoapi.process.base import JobNotFoundError, ProcessorExecuteError, UnknownProcessError
from pygeoapi.process.manager.base import BaseManager
from pygeoapi.util import JobStatus

from processes.answer import Answer
from processes.errors import NoSuchProcess, Problem, problem
from processes.processor import Processor


class RefusedError(ProcessorExecuteError):
    """A problem in the form that pygeoapi turns into its exception response."""

    def __init__(self, told: Problem) -> None:
        super().__init__(told.detail, user_msg=told.detail)
        self.http_status_code = HTTPStatus(told.status)
        self.ogc_exception_code = told.type


class CarbonManager(BaseManager):
    """Synchronous manager; ``server.manager.name: processes.jobs.manager.CarbonManager``."""

    def __init__(self, manager_def: dict[str, object]) -> None:
        super().__init__(manager_def)
        self.is_async = False
        self.supports_subscribing = False

    def get_jobs(self, status: object = None, limit: int | None = None, offset: int | None = None) -> dict[str, object]:
        """No job is ever kept."""
        return {"jobs": [], "numberMatched": 0}

    def get_job(self, job_id: str) -> NoReturn:
        """Always JobNotFoundError."""
        raise JobNotFoundError

    def get_job_result(self, job_id: str) -> NoReturn:
        """Always JobNotFoundError."""
        raise JobNotFoundError

    def delete_job(self, job_id: str) -> NoReturn:
        """Always JobNotFoundError."""
        raise JobNotFoundError

    def execute_process(  # type: ignore[override]  # pygeoapi documents five results and annotates four
        self,
        process_id: str,
        data_dict: object,
        *,
        execution_mode: object = None,
        requested_outputs: object = None,
        subscriber: object = None,
        requested_response: object = "raw",
    ) -> tuple[str, str, object, JobStatus, dict[str, str]]:
        """Run one request -> (id, media type, value, successful, headers); RefusedError for every failure."""
        request = {"inputs": data_dict, "outputs": requested_outputs or {}, "response": requested_response}
        if subscriber is not None:
            request["subscriber"] = subscriber
        try:
            made = self._run(process_id, request)
        except Exception as error:
            raise RefusedError(problem(error)) from None
        headers = {"Content-Type": made.media_type}
        if made.edition:
            headers["Carbongrid-Edition"] = made.edition
        return secrets.token_urlsafe(16), made.media_type, made.value, JobStatus.successful, headers

    def _run(self, process_id: str, request: dict[str, object]) -> Answer:
        try:
            processor = self.get_processor(process_id)
        except UnknownProcessError:
            raise NoSuchProcess(f"there is no process '{process_id}'", allowed=self.processes) from None
        if not isinstance(processor, Processor):
            raise TypeError(f"{process_id} is no processor of this package")
        return processor.answer(request)
