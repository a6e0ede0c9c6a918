# SPDX-License-Identifier: Apache-2.0
"""Which encoding text is in: the stated one, else the first that decodes every byte. No character is ever replaced."""

import codecs
from collections.abc import Iterable, Sequence
from pathlib import Path

from carbongrid.errors import InvalidInput

CANDIDATES = ("utf-8-sig", "cp949", "cp1251")
"""Tried in this order: other text hardly ever decodes as UTF-8 by chance, CP1251 decodes almost anything."""
_BLOCK = 1 << 20


def find_encoding(
    path: Path, blocks: Iterable[bytes], stated: str | None, place: str, *, separate: bool = False
) -> str:
    """The encoding all of a file's text decodes in; InvalidInput where the stated one, or none of the usual ones, does.

    ``separate``: each block is a value of its own and may end in half a character (fields of fixed width cut them).
    """
    names = (stated,) if stated else CANDIDATES
    failures = decode_failures(blocks, names, separate=separate)
    for name in names:
        if failures[name] is None:
            return name
    what = f"'{path.name}' is not text in {' or '.join(names)}: byte {failures[names[0]]} of the text cannot be decoded"
    raise InvalidInput(what, where=f"{place}.encoding", allowed=["the name of the file's encoding, such as cp949"])


def decode_failures(blocks: Iterable[bytes], names: Sequence[str], *, separate: bool = False) -> dict[str, int | None]:
    """For each encoding about where the first byte lies that it cannot decode, None where it decodes all."""
    decoders = {name: codecs.getincrementaldecoder(name)() for name in names}
    failures: dict[str, int | None] = dict.fromkeys(names)
    at = 0
    for block in blocks:
        for name in [n for n in names if failures[n] is None]:
            if separate:
                decoders[name].reset()
            try:
                decoders[name].decode(block)
            except UnicodeDecodeError as error:
                failures[name] = at + error.start
        at += len(block)
    return failures


def file_blocks(path: Path) -> Iterable[bytes]:
    """The file's bytes in blocks of 1 MiB."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
