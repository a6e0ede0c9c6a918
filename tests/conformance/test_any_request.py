# SPDX-License-Identifier: Apache-2.0
"""Requests drawn from our own OpenAPI document, right and wrong ones: no 5xx, every answer as the document says.

``CARBONGRID_FUZZ`` = how many requests to draw (a few hundred by default; ``make fuzz``: 10,000).
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from carbonserver.app import create_app
from carbonserver.settings import Settings
from tests.toy import toy_store

REQUESTS = int(os.environ.get("CARBONGRID_FUZZ", "300"))
KEPT = (
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
)
LEVELS = "-(500m|1km)"
"""Collections that differ from the 100 m ones in their cells only."""


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    root: Path = tmp_path_factory.mktemp("toy")
    toy_store(root, (2023,))
    schema = schemathesis.openapi.from_asgi("/openapi", create_app(Settings(root, "http://carbon.example")))
    return [found.ok() for found in schema.exclude(path_regex=LEVELS).get_all_operations()]


def modes() -> Iterator[schemathesis.GenerationMode]:
    yield schemathesis.GenerationMode.POSITIVE
    yield schemathesis.GenerationMode.NEGATIVE


@pytest.mark.filterwarnings("ignore::Warning")
def test_any_request_is_answered_as_the_document_says(operations: list[Any]) -> None:
    statuses: Counter[int] = Counter()
    for operation in operations:
        for mode in modes():
            examples = ceil(REQUESTS / len(operations) / 2)
            with suppress(Unsatisfiable) if mode.is_negative else nullcontext():  # some have nothing to get wrong
                _ask(operation.as_strategy(generation_mode=mode), mode, statuses, examples)
    assert statuses.total() >= min(REQUESTS, 250)
    assert statuses[200] > statuses.total() / 5, "most requests never came through the door"
    assert statuses[400] > 20


def _ask(cases: Any, mode: schemathesis.GenerationMode, statuses: Counter[int], examples: int) -> None:
    health = list(HealthCheck)

    @settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=health)
    @given(case=cases)
    def ask(case: Any) -> None:
        if mode is schemathesis.GenerationMode.POSITIVE:
            case.query.pop("edition", None)  # a drawn edition is never published: 410 would hide all else
        answer = case.call()
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=KEPT)

    ask()
