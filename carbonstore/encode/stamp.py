# SPDX-License-Identifier: Apache-2.0
"""The word that says in a picture, wherever it is copied to, that its data are made up."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

WORD = "SYNTHETIC"
WARNING = "synthetic data: nothing here was measured"
PLACE = (240, 4)
"""Row and column of the word's upper left corner in a tile of 256 pixels: left below, clear of the edges."""
_LETTERS = {
    "S": ("01111", "10000", "10000", "01110", "00001", "00001", "11110"),
    "Y": ("10001", "10001", "01010", "00100", "00100", "00100", "00100"),
    "N": ("10001", "11001", "10101", "10101", "10011", "10001", "10001"),
    "T": ("11111", "00100", "00100", "00100", "00100", "00100", "00100"),
    "H": ("10001", "10001", "10001", "11111", "10001", "10001", "10001"),
    "E": ("11111", "10000", "10000", "11110", "10000", "10000", "11111"),
    "I": ("01110", "00100", "00100", "00100", "00100", "00100", "01110"),
    "C": ("01111", "10000", "10000", "10000", "10000", "10000", "01111"),
}
"""Seven rows of five pixels a letter."""


@cache
def _masks() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels of the word, and of a rim of one pixel around it, both (9, width)."""
    rows = ["0".join(_LETTERS[letter][k] for letter in WORD) for k in range(7)]
    word = np.pad(np.array([[pixel == "1" for pixel in row] for row in rows]), 1)
    near = [np.roll(word, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return word, np.logical_or.reduce(near) & ~word


def box() -> tuple[slice, slice]:
    """Rows and columns of a tile that the stamp may cover."""
    height, width = _masks()[0].shape
    return slice(PLACE[0], PLACE[0] + height), slice(PLACE[1], PLACE[1] + width)


def stamp(image: NDArray[np.uint8], ink: int, rim: int) -> None:
    """Write the word into a palette image, in two of its colours."""
    word, around = _masks()
    part = image[box()]
    part[around] = rim
    part[word] = ink
