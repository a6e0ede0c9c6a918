# SPDX-License-Identifier: Apache-2.0
"""The decorator of every kernel: compiled by numba, once, cached on disk.

Numba's own cache watches only the file a kernel stands in, and would go on using it after a change in another file
whose functions it has inlined. So the cache lies in a folder named by the hash of everything a kernel may be made of.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.resources import files
from os import W_OK, access
from pathlib import Path
from typing import Any, cast

import numba

_NJIT: Any = numba.njit
_CONFIG: Any = numba.config


def kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile with numba: once, cached on disk, releasing the GIL."""
    with _cached_in(function.__module__.partition(".")[0]):
        return cast(F, _NJIT(cache=True, nogil=True)(function))


@contextmanager
def _cached_in(package: str) -> Iterator[None]:
    before = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = str(Path(before or _home(package)) / f"kernels-{digest(package)}")
    try:
        yield
    finally:
        _CONFIG.CACHE_DIR = before


def _home(package: str) -> Path:
    """Beside the bytecode where that can be written, else in the user's cache."""
    folder = Path(str(files(package)))
    return folder / "__pycache__" if access(folder, W_OK) else Path.home() / ".cache" / "carbongrid"


@cache
def digest(package: str) -> str:
    """16 hex digits over the sources of the kernels of a package and of this one, from which all may inline."""
    running = sha256()
    for name in sorted({package, "carbongrid"}):
        for path in sorted(Path(str(files(name))).rglob("*.py")):
            source = path.read_bytes()
            if b"@kernel" in source or b"intrinsic" in source:
                running.update(path.name.encode() + b"\0" + source)
    return running.hexdigest()[:16]
