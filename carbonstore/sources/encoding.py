# SPDX-License-Identifier: Apache-2.0
"""Which encoding text is in: the stated one, else the first that decodes every byte. No character is ever replaced."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carbongrid.errors import InvalidInput

CANDIDATES = ("utf-8-sig", "cp949", "cp1251")
"""Tried in this order: other text hardly ever decodes as UTF-8 by chance, CP1251 decodes almost anything."""
_BLOCK = 1 << 20
_HANGUL_SHARE = 0.15
"""Korean text in CP949 has about half of its non-ASCII bytes below C0, Russian text in CP1251 hardly any."""


def find_encoding(
    path: Path, blocks: Iterable[bytes], stated: str | None, place: str, *, separate: bool = False
) -> str:
    """The encoding all of a file's text decodes in; InvalidInput where the stated one, or none of the usual ones, does.

    ``separate``: each block is a value of its own and may end in half a character (fields of fixed width cut them).
    """
    names = (stated,) if stated else CANDIDATES
    bytes_seen = _Bytes()
    failures = decode_failures(bytes_seen.watching(blocks), names, separate=separate)
    for name in names:
        if failures[name] is None:
            if name == "cp949" and not stated and failures["cp1251"] is None and bytes_seen.look_cyrillic:
                raise InvalidInput(
                    f"'{path.name}' reads as cp949 and as cp1251, and looks like the latter",
                    where=f"{place}.encoding",
                    allowed=["cp1251", "cp949"],
                )
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


@dataclass
class _Bytes:
    """How often bytes above ASCII occur, and how many of them are below C0."""

    high: int = 0
    low: int = 0

    def watching(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks, counted as they pass."""
        for block in blocks:
            values = np.frombuffer(block, np.uint8)
            self.high += int((values >= 0x80).sum())
            self.low += int(((values >= 0x80) & (values < 0xC0)).sum())
            yield block

    @property
    def look_cyrillic(self) -> bool:
        return self.high > 0 and self.low < _HANGUL_SHARE * self.high
