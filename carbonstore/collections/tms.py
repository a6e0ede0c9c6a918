# SPDX-License-Identifier: Apache-2.0
"""Tile matrix sets as data (OGC 17-083r4), and from which zoom each level of cells is drawn (contract 5).

A set is one row of a table: adding one adds no code.
"""

from dataclasses import dataclass
from math import pi
from types import MappingProxyType

from carbongrid.errors import NotFound, UnknownName
from carbonstore.collections.fields import Text

EXTENT = 4096
"""Units along the side of a vector tile (MVT 2.1, section 4.1)."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TileMatrixSet:
    """A quad-tree of square tiles: matrix ``z`` has ``columns * 2**z`` x ``rows * 2**z`` tiles of side ``side / 2**z``.

    ``crs`` is authority text, ``west`` and ``north`` the upper left corner in (x, y) order, in units of the CRS,
    of about ``metres`` each. ``zoom_shift`` is added to WebMercatorQuad's zooms; ``last`` is the last matrix with
    tiles. ``uri`` starts with ``{base}`` where the server itself defines the set; one with a ``country`` is offered for
    inventories of that country only.
    """

    id: str
    uri: str
    crs: str
    metres: float
    west: float
    north: float
    side: float
    columns: int
    rows: int
    zoom_shift: int
    last: int
    title: Text
    country: str = ""

    @property
    def own(self) -> bool:
        """Whether the server defines the set, which no register knows."""
        return self.uri.startswith("{base}")

    def address(self, base: str) -> str:
        """The set's URI as a server under ``base`` states it."""
        return self.uri.replace("{base}", base)

    def bounds(self, z: int, x: int, y: int) -> Box:
        """(west, south, east, north) of a tile in the set's CRS; NotFound outside the matrix."""
        if not (0 <= z <= self.last and 0 <= x < self.columns << z and 0 <= y < self.rows << z):
            raise NotFound(f"{self.id} has no tile {z}/{y}/{x}", where="tile")
        side = self.side / (1 << z)
        west, north = self.west + x * side, self.north - y * side
        return west, north - side, west + side, north

    def zooms_from(self, web_zoom: int) -> tuple[int, int]:
        """First and last zoom, both included, of what is drawn from a zoom of WebMercatorQuad on."""
        return max(0, web_zoom + self.zoom_shift), self.last

    def zooms(self, level: int) -> tuple[int, int]:
        """First and last zoom of the tiles of a level in metres; both ends included."""
        return self.zooms_from(web_zoom(level))


_HALF = 20037508.342789244
_OGC = "http://www.opengis.net/def/tilematrixset/OGC/1.0/"
SETS = MappingProxyType(
    {
        s.id: s
        for s in (
            TileMatrixSet(
                id="WebMercatorQuad",
                uri=f"{_OGC}WebMercatorQuad",
                title={
                    "ko": "세계, 웹 메르카토르 (Google 호환)",
                    "en": "The world in Web Mercator (Google compatible)",
                },
                crs="EPSG:3857",
                metres=1.0,
                west=-_HALF,
                north=_HALF,
                side=2 * _HALF,
                columns=1,
                rows=1,
                zoom_shift=0,
                last=16,
            ),
            TileMatrixSet(
                id="WorldCRS84Quad",
                uri=f"{_OGC}WorldCRS84Quad",
                title={"ko": "세계, 경위도 (CRS84)", "en": "The world in longitude and latitude (CRS84)"},
                crs="OGC:CRS84",
                metres=pi * 6_378_137 / 180,  # by which 17-083r4 reckons scale denominators of degrees
                west=-180.0,
                north=90.0,
                side=180.0,
                columns=2,
                rows=1,
                zoom_shift=-1,
                last=15,
            ),
            TileMatrixSet(
                id="KR5179",
                uri="{base}/tileMatrixSets/KR5179",
                title={"ko": "대한민국, EPSG:5179", "en": "Republic of Korea, EPSG:5179"},
                crs="EPSG:5179",
                metres=1.0,
                west=-200_000.0,
                north=4_000_000.0,
                side=256 * 2088.96,
                columns=4,  # 4 x 6 tiles hold the area of use of EPSG:5179
                rows=6,
                zoom_shift=-6,
                last=10,
                country="kor",
            ),
        )
    }
)
_ZOOMS = ((10_000, 0), (5_000, 6), (1_000, 8), (500, 10), (100, 12), (25, 14), (10, 15))
"""First WebMercatorQuad zoom of each level in metres, coarsest first."""
_UNIT_ZOOMS = MappingProxyType({"nation": 4, "sido": 4, "viloyat": 4, "sigungu": 7, "tuman": 7})
_SOURCE_ZOOMS = MappingProxyType({"roads": 10, "forests": 10, "buildings": 13})
_LOWEST_UNITS = 10
"""First WebMercatorQuad zoom of units of each level, and of all others (dong, zoning)."""


def named(tms: str) -> TileMatrixSet:
    """A set by its id; UnknownName otherwise."""
    if tms not in SETS:
        raise UnknownName(tms, SETS, kind="tile matrix set", where="tileMatrixSetId")
    return SETS[tms]


def offered(country: str) -> tuple[str, ...]:
    """Ids of the sets that tiles of a country's inventories come in."""
    return tuple(s.id for s in SETS.values() if s.country in ("", country))


def web_zoom(level: int) -> int:
    """First WebMercatorQuad zoom of a level; one that is not tabled comes a zoom after the next coarser one."""
    table = dict(_ZOOMS)
    if level in table:
        return table[level]
    return max((zoom + 1 for size, zoom in _ZOOMS if size > level), default=0)


def unit_zoom(level: str) -> int:
    """First WebMercatorQuad zoom of a level of units."""
    return _UNIT_ZOOMS.get(level, _LOWEST_UNITS)


def source_zoom(kind: str) -> int:
    """First WebMercatorQuad zoom of sources of a kind."""
    return _SOURCE_ZOOMS[kind]
