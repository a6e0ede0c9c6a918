# SPDX-License-Identifier: Apache-2.0
"""SQL that lies in files of its own, below ``carbonstore/sql``: statements by the name in the comment above them."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import psycopg

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries(file: str) -> Mapping[str, str]:
    """The statements of one file by name; what stands before the first name is for readers."""
    return named(files("carbonstore").joinpath("sql", f"{file}.sql").read_text("utf-8"))


def named(text: str) -> Mapping[str, str]:
    """The statements of such a text by name."""
    _, *parts = _NAME.split(text)
    return MappingProxyType(dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True)))


def refusal(error: psycopg.Error, name: str) -> str:
    """What a database says, in one line, ``name`` for its address: the driver's words may hold user and password."""
    reason = (error.diag.message_primary or "").splitlines()
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return f"{name} cannot be reached"
    return f"the database refused: {reason[0]}" if reason else "the database refused"
