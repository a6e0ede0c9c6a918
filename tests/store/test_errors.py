# SPDX-License-Identifier: Apache-2.0
"""Which OGC exception an error becomes, and what it must not tell."""

import pytest

from carbongrid.errors import CarbongridError, Corrupt, Gone, InvalidInput, NotFound, TooLarge, UnknownName
from carbonstore.collections.cells import Elsewhere
from carbonstore.errors import ogc_exception


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput("no", where="bbox"), 400, "InvalidParameterValue"),
        (UnknownName("x", ["y"]), 400, "InvalidParameterValue"),
        (NotFound("no"), 404, "NotFound"),
        (Elsewhere("no", "c", "f", redirect=False), 404, "NotFound"),
        (Gone("no"), 410, "Gone"),
        (TooLarge("no"), 413, "ContentTooLarge"),
    ],
)
def test_errors_for_clients_keep_their_words(error: CarbongridError, status: int, code: str) -> None:
    assert ogc_exception(error) == (status, code, error.sentence)


@pytest.mark.parametrize(
    "error",
    [
        Corrupt("secret", where="/srv/data"),
        CarbongridError("secret"),
        KeyError("secret"),
        OSError(28, "secret"),
        MemoryError(),
    ],
)
def test_the_unexpected_says_nothing_of_itself(error: BaseException) -> None:
    status, code, text = ogc_exception(error)
    assert (status, code) == (500, "NoApplicableCode")
    assert "secret" not in text
    assert "/srv" not in text
