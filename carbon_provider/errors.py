# SPDX-License-Identifier: Apache-2.0
"""Domain errors as pygeoapi's provider errors, which it turns into OGC exceptions with their status and text."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from pygeoapi.provider.base import ProviderGenericError

from carbongrid.errors import CarbongridError
from carbonstore.errors import ogc_exception


class RefusedError(ProviderGenericError):
    """An error that the client may read, with the status and code of its class."""

    def __init__(self, error: CarbongridError) -> None:
        status, self.ogc_exception_code, text = ogc_exception(error)
        self.http_status_code = HTTPStatus(status)
        super().__init__(user_msg=text)


@contextmanager
def as_ogc() -> Iterator[None]:
    """Turn domain errors raised inside into provider errors; anything else passes and stays the server's secret."""
    try:
        yield
    except CarbongridError as error:
        raise RefusedError(error) from error
