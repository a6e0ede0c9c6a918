# SPDX-License-Identifier: Apache-2.0
"""The pages of processes and jobs, drawn like all others from the documents that JSON clients get."""

from collections.abc import Mapping

from starlette.requests import Request

from carbonserver import html
from carbonserver.host import state_of


class ProcessPages:
    """What ``processes.web.routes`` draws with."""

    headers: Mapping[str, str] = html.SECURITY

    def draw(self, request: Request, template: str, document: Mapping[str, object], language: str) -> bytes:
        """The page of a document in the look of the request's state."""
        return html.page(state_of(request).api.tpl_config, template, document, language, request.query_params)
