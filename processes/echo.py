# SPDX-License-Identifier: Apache-2.0
"""echo: gives its inputs back. One input of every kind there is, for clients, conformance suites and monitoring.

Order and shape suit CITE's ets-ogcapi-processes10: the first input is a plain string with an output of the same id; the
first input that takes an object also takes a string; the array holds integers; ``pause`` delays the answer.
"""

import time

from carbongrid.errors import InvalidInput
from processes.base import Context, Execution, Input, Output, Process, Report, Results
from processes.processor import Processor
from processes.schema import Array, BBox, Binary, Number, Object, OneOf, Schema, Text, Words

MAX_PAUSE = 60.0
"""Longest pause, s."""
LONGEST_SYNC = 30.0
"""Longest pause that is waited for in a request, s: proxies and clients give up at about this time."""
_STEP_S = 0.25

_KINDS: dict[str, tuple[Schema, Words]] = {
    "text": (Text(max_length=65536), {"ko": "문자열", "en": "a text"}),
    "mixed": (
        OneOf((Text(max_length=65536), Object(open=True))),
        {"ko": "문자열 또는 객체", "en": "a text or an object"},
    ),
    "number": (Number(), {"ko": "실수", "en": "a number"}),
    "count": (Number(integer=True), {"ko": "정수", "en": "an integer"}),
    "array": (Array(Number(integer=True), 0, 1000), {"ko": "정수 배열", "en": "an array of integers"}),
    "bbox": (BBox(), {"ko": "경계 상자", "en": "a bounding box"}),
    "object": (Object(open=True), {"ko": "객체", "en": "an object"}),
    "image": (
        Binary("image/tiff; application=geotiff", 700_000),
        {"ko": "GeoTIFF (base64 또는 참조)", "en": "a GeoTIFF, base64 or by reference"},
    ),
}


def echo(execution: Execution, context: Context) -> Results:
    """Every input that was given, under its own id, after ``pause`` seconds. A link is returned as given, unread."""
    if not execution.inputs:
        raise InvalidInput("nothing was given to give back", where="/inputs", allowed=_KINDS)
    _wait(_pause(execution), context.report)
    return Results({k: v for k, v in execution.inputs.items() if k in _KINDS})


def long(execution: Execution) -> str | None:
    """Why a request must be a job."""
    pause = _pause(execution)
    return f"a pause of {pause:g} s" if pause > LONGEST_SYNC else None


def _pause(execution: Execution) -> float:
    pause = execution.inputs.get("pause", 0)
    return float(pause) if isinstance(pause, int | float) else 0.0


def _wait(seconds: float, report: Report) -> None:
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        report(passed / seconds, {"ko": "기다리는 중", "en": "waiting"})
        time.sleep(min(_STEP_S, seconds - passed))


def _input(schema: Schema, what: Words) -> Input:
    described = {"ko": f"되돌려 받을 {what['ko']}", "en": f"To be given back: {what['en']}"}
    return Input(schema, what, described, min_occurs=0, links=True)


def _output(schema: Schema, what: Words) -> Output:
    return Output(schema, what, {"ko": "입력 그대로", "en": "The input as it was given"})


ECHO = Process(
    id="echo",
    version="1.0.0",
    title={"ko": "되돌리기", "en": "Echo"},
    description={
        "ko": "입력을 그대로 돌려준다. 클라이언트와 적합성 시험을 위한 프로세스.",
        "en": "Gives its inputs back unchanged, for trying out clients and for conformance tests.",
    },
    keywords=("echo", "test"),
    inputs={k: _input(*v) for k, v in _KINDS.items()}
    | {
        "pause": Input(
            Number(0, MAX_PAUSE, "s"),
            {"ko": "대기 시간", "en": "Pause"},
            {"ko": "응답 전 대기 시간(초)", "en": "Seconds to wait before answering"},
            min_occurs=0,
        )
    },
    outputs={k: _output(*v) for k, v in _KINDS.items()},
    example={"inputs": {"text": "안녕, <carbon> & grid"}, "outputs": {"text": {}}, "response": "document"},
    run=echo,
    heavy=long,
)


class EchoProcessor(Processor):
    """``echo`` as a pygeoapi processor."""

    process = ECHO
