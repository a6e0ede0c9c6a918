# SPDX-License-Identifier: Apache-2.0
"""How texts are folded and matched: CASEI, ACCENTI and LIKE of CQL2."""

import re
import unicodedata
from collections.abc import Callable


def casei(text: str) -> str:
    """The text without its case (full Unicode case folding)."""
    return text.casefold()


def accenti(text: str) -> str:
    """The text without its accents; Hangul syllables stay whole."""
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))


FOLDS: dict[str, Callable[[str], str]] = {"casei": casei, "accenti": accenti}


def like(pattern: str) -> Callable[[str], bool]:
    r"""The test of LIKE: ``%`` any text, ``_`` one character, ``\`` takes the next character as it is.

    Each part between two ``%`` is taken where it is met first and never given back, which is right for such patterns
    and keeps the time of a match in proportion to the text, whatever the pattern.
    """
    parts = [""]
    for match in re.finditer(r"\\(.)|(%)|(_)|(.)", pattern, re.DOTALL):
        escaped, many, one, plain = match.groups()
        if many:
            parts.append("")
        else:
            parts[-1] += "." if one else re.escape(escaped or plain)
    expression = parts[0]
    if len(parts) > 1:
        expression += "".join(f"(?>.*?{part})" for part in parts[1:-1]) + f".*{parts[-1]}"
    compiled = re.compile(expression, re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None
