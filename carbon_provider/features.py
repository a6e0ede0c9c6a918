# SPDX-License-Identifier: Apache-2.0
"""Cells as features of pygeoapi: complete under stock ``pygeoapi serve``, over the same read path as the raw routes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pygeoapi.crs import CrsTransformSpec
from pygeoapi.provider.base import BaseProvider

from carbon_provider import cql2, stores
from carbon_provider.errors import as_ogc
from carbon_provider.fields import Schema, field_schemas
from carbon_provider.temporal import matching_years
from carbongrid.errors import InvalidInput
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.quads import CRS84
from carbonstore.encode.geojson import feature_dicts

type Feature = dict[str, Any]
cql2.install()


@dataclass(frozen=True, slots=True)
class Extras:
    """Query parameters that pygeoapi hands over as properties: ours, and equalities on properties."""

    edition: str | None
    cursor: str | None
    where: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, properties: Iterable[tuple[str, str]]) -> "Extras":
        """Split (name, value) pairs; unknown names are left to the query, which refuses them."""
        given = list(properties)
        own = dict(given)
        cursor = own["cursor"].partition(".")[0] if "cursor" in own else None  # the raw route adds how far it has come
        return cls(own.get("edition"), cursor, tuple(p for p in given if p[0] not in ("edition", "cursor")))


class CarbonGridProvider(BaseProvider):
    """Feature provider; ``data`` is the data folder and ``collection`` the collection's id.

    pygeoapi makes one for every request, so the constructor reads nothing. Geometries are stored in CRS84 to the API;
    another CRS comes from the encoder, vectorised, in the axis order of its authority.
    """

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)  # type: ignore[no-untyped-call]  # pygeoapi annotates nothing here
        self.collection_id: str = provider_def["collection"]
        self._fields: dict[str, Schema] = {}

    @property
    def fields(self) -> dict[str, Schema]:
        """JSON Schema of every property by name."""
        return self.get_fields()

    def get_fields(self) -> dict[str, Schema]:
        """Read the fields from the data dictionary on first use."""
        if not self._fields:
            with as_ogc():
                self._fields = field_schemas(self._collection(None))
        return self._fields

    def query(
        self,
        *,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: Sequence[float] = (),
        datetime_: str | None = None,
        properties: Sequence[tuple[str, str]] = (),
        sortby: Sequence[dict[str, str]] = (),
        select_properties: Sequence[str] = (),
        skip_geometry: bool = False,
        q: str | None = None,
        filterq: object = None,
        crs_transform_spec: CrsTransformSpec | None = None,
        **_: object,
    ) -> Feature:
        """A page as a FeatureCollection with exact ``numberMatched``; pygeoapi adds links and time.

        ``bbox`` is in CRS84, touching cells included; every argument that would go unheeded is refused.
        """
        with as_ogc():
            _refuse(q=q)
            extras = Extras.of(properties)
            collection = self._collection(extras.edition)
            query = CellQuery(
                years=matching_years(datetime_, collection.years),
                bbox=_box(bbox),
                properties=tuple(select_properties) or None,
                sortby=tuple(key["order"] + key["property"] for key in sortby),
                offset=offset,
                cursor=extras.cursor,
                limit=limit,
                where=extras.where,
                filter=cql2.checked(filterq, collection),
            )
            if _hits(resulttype):
                return _answer([], cells.count(collection, query))
            batch = cells.read(collection, query)
            features = feature_dicts(batch, skip_geometry=skip_geometry, crs=_target(crs_transform_spec))
            return _answer(features, batch.matched)

    def get(self, identifier: str, crs_transform_spec: CrsTransformSpec | None = None, **_: object) -> Feature:
        """One feature by its id, ``{cell_id}.{year}``."""
        with as_ogc():
            batch = cells.get(self._collection(None), identifier)
            return feature_dicts(batch, crs=_target(crs_transform_spec))[0]

    def _collection(self, edition: str | None) -> Collection:
        return stores.collection(self.data, self.collection_id, edition)

    def __repr__(self) -> str:
        return f"<CarbonGridProvider> {self.collection_id}"


def _answer(features: list[Feature], matched: int) -> Feature:
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": matched,
        "numberReturned": len(features),
    }


def _refuse(**unsupported: object) -> None:
    """InvalidInput for a parameter that pygeoapi accepts and this provider does not apply: silence would be a lie."""
    for name, value in unsupported.items():
        if value is not None:
            raise InvalidInput("this collection does not support it", where=name)


def _hits(resulttype: str) -> bool:
    if resulttype not in ("results", "hits"):
        raise InvalidInput(f"'{resulttype}' is no result type", where="resulttype", allowed=["results", "hits"])
    return resulttype == "hits"


def _box(bbox: Sequence[float]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of four or six numbers; None for no box."""
    if not bbox:
        return None
    half = len(bbox) // 2
    return bbox[0], bbox[1], bbox[half], bbox[half + 1]


def _target(spec: CrsTransformSpec | None) -> str:
    return CRS84 if spec is None else str(spec.target_crs_uri)
