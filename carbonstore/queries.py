# SPDX-License-Identifier: Apache-2.0
"""SQL that lies in files of its own, below ``carbonstore/sql``: statements by the name in the comment above them."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries(file: str) -> Mapping[str, str]:
    """The statements of one file by name; what stands before the first name is for readers."""
    _, *parts = _NAME.split(files("carbonstore").joinpath("sql", f"{file}.sql").read_text("utf-8"))
    return MappingProxyType(dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True)))
