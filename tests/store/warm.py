# SPDX-License-Identifier: Apache-2.0
"""What a fork server imports: the publishing test after one round of it, so that its children start warm."""

from pathlib import Path
from tempfile import TemporaryDirectory

from carbonstore.releases.catalogue import Catalogue
from tests.store.publishing import publish_version, walk

with TemporaryDirectory() as folder:
    publish_version(Path(folder), 1)
    walk(Catalogue(Path(folder)))
