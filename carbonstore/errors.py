# SPDX-License-Identifier: Apache-2.0
"""One table from the domain's errors to OGC exceptions. What is not in it is ours to mend, and stays unsaid."""

from carbongrid.errors import CarbongridError, Gone, InvalidInput, NotFound, TooLarge

OGC: dict[type[CarbongridError], tuple[int, str]] = {
    InvalidInput: (400, "InvalidParameterValue"),
    NotFound: (404, "NotFound"),
    Gone: (410, "Gone"),
    TooLarge: (413, "ContentTooLarge"),
}
"""HTTP status and OGC exception code by class; a class that is not listed takes its base's."""
UNEXPECTED = (500, "NoApplicableCode", "The server met an unexpected error.")


def ogc_exception(error: BaseException) -> tuple[int, str, str]:
    """(status, code, description) of any error; only errors meant for clients lend their words."""
    for kind in type(error).__mro__:
        if kind in OGC and isinstance(error, CarbongridError):
            return (*OGC[kind], error.sentence)
    return UNEXPECTED
