# SPDX-License-Identifier: Apache-2.0
"""The data dictionary in the shape that pygeoapi wants: JSON Schema by property name."""

from typing import Any

from carbonstore.collections.collection import Collection

type Schema = dict[str, Any]


def field_schemas(collection: Collection, language: str = "en") -> dict[str, Schema]:
    """Fresh schemas of a collection's properties: pygeoapi changes what it is given.

    It reads allowed values from ``values`` for queryables and from ``enum`` for the schema.
    """
    schemas = {name: field.schema(language) for name, field in collection.fields.items()}
    return {name: s | ({"values": s["enum"]} if "enum" in s else {}) for name, s in schemas.items()}
