# SPDX-License-Identifier: Apache-2.0
"""Run by the Python that QGIS belongs to: read layers of OGC API Features as a person would load them, print JSON.

Standard input is a list of {collection, page, box?, where?}; a box is west, south, east, north; ``where`` is the
layer's own filter, as its query builder sets it.
"""

import json
import sys

from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer

NAMES = ("year", "emission_total", "net")


def read(url, asked):
    """What the layer says of itself, and its features by id."""
    options = f"url='{url}' typename='{asked['collection']}' pageSize='{asked['page']}' pagingEnabled='true'"
    layer = QgsVectorLayer(f"{options} restrictToRequestBBOX='1'", "cells", "OAPIF")
    request = QgsFeatureRequest()
    if "box" in asked:
        request.setFilterRect(QgsRectangle(*asked["box"]))
    if "where" in asked:
        layer.setSubsetString(asked["where"])
    found = {f["id"]: [plain(f[name]) for name in NAMES] for f in layer.getFeatures(request)}
    fields = {f.name(): f.typeName() for f in layer.fields()}
    return {"valid": layer.isValid(), "crs": layer.crs().authid(), "fields": fields, "features": found}


def plain(value):
    """A number, or None where QGIS has its null."""
    return None if value is None or (hasattr(value, "isNull") and value.isNull()) else value


def main():
    """Start QGIS without windows, read everything asked for."""
    application = QgsApplication([], False)
    application.initQgis()
    print(json.dumps([read(sys.argv[1], asked) for asked in json.load(sys.stdin)]))
    application.exitQgis()


main()
