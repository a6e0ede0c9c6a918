# SPDX-License-Identifier: Apache-2.0
"""A declared process as a pygeoapi processor: what stock ``pygeoapi serve`` loads by its dotted name.

pygeoapi builds a processor for every request, so the constructor only reads its definition.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from pygeoapi.process.base import BaseProcessor

from carbonstore.releases.catalogue import Catalogue
from processes.answer import Answer, finished
from processes.base import Context, Process

DATA = "CARBONGRID_DATA"
"""Environment variable: the data folder, unless the processor's definition has ``data``."""
URL = "CARBONGRID_URL"


@lru_cache(maxsize=8)
def catalogue(root: Path) -> Catalogue:
    """The catalogue of a data folder; one per folder and OS process, read-only and safe between threads."""
    return Catalogue(root)


def context(definition: dict[str, str]) -> Context:
    """Data folder and public address from a processor's definition, else from the environment."""
    root = definition.get("data") or os.environ.get(DATA) or ".carbongrid"
    url = definition.get("url") or os.environ.get(URL) or ""
    return Context(catalogue(Path(root)), url.rstrip("/"))


class Processor(BaseProcessor):
    """Base of the processors: a subclass names its process. Stock pygeoapi keeps no jobs here, so none are offered."""

    process: ClassVar[Process]

    def __init__(self, processor_def: dict[str, str]) -> None:
        super().__init__(processor_def, self.process.describe() | {"jobControlOptions": ["sync-execute"]})
        self.supports_outputs = True
        self._definition = processor_def

    def answer(self, request: object) -> Answer:
        """Check and run one execute request; domain errors pass through."""
        asked = self.process.accept(request)
        self.process.at_once(asked)
        return finished(self.process, asked, context(self._definition))

    def execute(self, data: dict[str, object], outputs: dict[str, object] | None = None) -> tuple[str, object]:
        """pygeoapi's own entry, for managers other than ours: the raw response as (media type, value)."""
        made = self.answer({"inputs": data, "outputs": outputs or {}})
        return made.media_type, made.value
