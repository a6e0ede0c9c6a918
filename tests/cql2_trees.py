# SPDX-License-Identifier: Apache-2.0
"""Random CQL2 filters over the properties of cells, each as CQL2 text and as the SQL that means the same."""

from dataclasses import dataclass
from random import Random

Box = tuple[float, float, float, float]
NUMBERS = ("net", "emission_total", "absorption_forest", "emission_buildings", "year", "quality", "area_m2", "net_u95")
TEXTS = ("status", "missing", "cell_id")
LITERALS = ("0", "1.0", "1.01", "0.75", "2.41", "-0.751", "2022", "2023", "3", "1.003", "10007.9")
WORDS = ("ok", "partial", "OK", "forest", "buildings", "", "missing", "CRS5179RES100mN1835000E985000")
PATTERNS = ("p%", "%s%", "_k", "%", "fo_est", "CRS5179%000", "%E98%", "", "%o_k%")
DAYS = ("2021-12-31", "2022-01-01", "2022-06-15", "2022-12-31", "2023-01-01", "2023-07-01", "2024-01-01")


@dataclass(frozen=True)
class Filter:
    """One filter in both languages."""

    text: str
    sql: str


class Trees:
    """Draws filters over cells within ``box`` (CRS84), the same for the same seed."""

    def __init__(self, seed: int, box: Box) -> None:
        self.chance, self.box = Random(seed), box

    def tree(self, depth: int = 3) -> Filter:
        """A condition of up to ``depth`` levels of AND, OR, NOT."""
        kind = self.chance.random()
        if depth == 0 or kind < 0.25:
            return self.chance.choice([self.compared, self.listed, self.null, self.worded, self.timed, self.placed])()
        if kind < 0.45:
            inner = self.tree(depth - 1)
            return Filter(f"NOT ({inner.text})", f"NOT ({inner.sql})")
        operator = self.chance.choice(["AND", "OR"])
        parts = [self.tree(depth - 1) for _ in range(self.chance.choice([2, 2, 3]))]
        return Filter(
            *(
                f" {operator} ".join(f"({p})" for p in side)
                for side in ([p.text for p in parts], [p.sql for p in parts])
            )
        )

    def number(self, depth: int = 2) -> Filter:
        """A numeric expression in double precision; SQL divides by null instead of zero."""
        kind = self.chance.random()
        if depth == 0 or kind < 0.5:
            name = self.chance.choice(NUMBERS)
            return Filter(name, f"{name}::float8")
        if kind < 0.7:
            literal = self.chance.choice(LITERALS)
            return Filter(literal, f"({literal})::float8")
        left, right = self.number(depth - 1), self.number(depth - 1)
        operator = self.chance.choice("+-*/")
        divisor = f"nullif({right.sql}, 0)" if operator == "/" else right.sql
        return Filter(f"({left.text} {operator} {right.text})", f"({left.sql} {operator} {divisor})")

    def compared(self) -> Filter:
        """Two numbers compared, or one between two literals."""
        left = self.number()
        if self.chance.random() < 0.25:
            low, high = self.chance.sample(LITERALS, 2)
            negated = self.chance.choice(["", "NOT "])
            both = f"{negated}BETWEEN {low} AND {high}"
            return Filter(f"{left.text} {both}", f"{left.sql} {both}")
        right, operator = self.number(1), self.chance.choice(["=", "<>", "<", "<=", ">", ">="])
        return Filter(f"{left.text} {operator} {right.text}", f"{left.sql} {operator} {right.sql}")

    def listed(self) -> Filter:
        """IN over numbers or texts."""
        negated = self.chance.choice(["", "NOT "])
        if self.chance.random() < 0.5:
            name, values = self.chance.choice(NUMBERS), ", ".join(self.chance.sample(LITERALS, 3))
            return Filter(f"{name} {negated}IN ({values})", f"{name}::float8 {negated}IN ({values})")
        values = ", ".join(f"'{w}'" for w in self.chance.sample(WORDS, 3))
        both = f"{self.chance.choice(TEXTS)} {negated}IN ({values})"
        return Filter(both, both)

    def null(self) -> Filter:
        """IS NULL of a property or of a calculation."""
        negated = self.chance.choice(["", "NOT "])
        if self.chance.random() < 0.5:
            both = f"{self.chance.choice(TEXTS)} IS {negated}NULL"
            return Filter(both, both)
        number = self.number(1)
        return Filter(f"({number.text}) IS {negated}NULL", f"({number.sql}) IS {negated}NULL")

    def worded(self) -> Filter:
        """Texts compared or matched, with and without case."""
        name, kind = self.chance.choice(TEXTS), self.chance.random()
        if kind < 0.4:
            pattern, negated = self.chance.choice(PATTERNS), self.chance.choice(["", "NOT "])
            if self.chance.random() < 0.5:
                return Filter(f"{name} {negated}LIKE '{pattern}'", f"{name} {negated}LIKE '{pattern}'")
            return Filter(
                f"CASEI({name}) {negated}LIKE CASEI('{pattern}')", f"lower({name}) {negated}LIKE lower('{pattern}')"
            )
        operator = self.chance.choice(["=", "<>", "<", "<=", ">", ">="])
        if kind < 0.6:
            other = self.chance.choice(TEXTS)
            return Filter(f"{name} {operator} {other}", f"{name} {operator} {other}")
        word = self.chance.choice(WORDS)
        return Filter(f"CASEI({name}) {operator} CASEI('{word}')", f"lower({name}) {operator} lower('{word}')")

    def timed(self) -> Filter:
        """The record's year against a day or an interval."""
        a, b = sorted(self.chance.sample(DAYS, 2))
        start, end = f"DATE('{a}')", f"DATE('{b}')"
        name, relation = self.chance.choice(
            [
                ("T_AFTER", f"time_start > {end}"),
                ("T_BEFORE", f"time_end < {start}"),
                ("T_INTERSECTS", f"NOT (time_start > {end} OR time_end < {start})"),
                ("T_DISJOINT", f"(time_start > {end} OR time_end < {start})"),
                ("T_DURING", f"(time_start > {start} AND time_end < {end})"),
                ("T_CONTAINS", f"(time_start < {start} AND time_end > {end})"),
                ("T_EQUALS", f"(time_start = {start} AND time_end = {end})"),
                ("T_OVERLAPS", f"(time_start < {start} AND time_end > {start} AND time_end < {end})"),
                ("T_STARTEDBY", f"(time_start = {start} AND time_end > {end})"),
                ("T_METBY", f"time_start = {end}"),
            ]
        )
        return Filter(f"{name}(INTERVAL(time_start, time_end), INTERVAL('{a}', '{b}'))", relation)

    def placed(self) -> Filter:
        """The cell's outline against a box, a triangle, a line or a point."""
        relation = self.chance.choice(
            ["INTERSECTS", "DISJOINT", "WITHIN", "CONTAINS", "TOUCHES", "CROSSES", "OVERLAPS"]
        )
        (a, b), (c, d), (e, f) = (self._point(third) for third in (0, 1, 2))
        shape = self.chance.choice(
            [
                f"POINT({a} {b})",
                f"LINESTRING({a} {b}, {c} {d}, {e} {f})",
                f"POLYGON(({a} {b}, {c} {d}, {e} {f}, {a} {b}))",
                f"MULTIPOINT(({a} {b}), ({c} {d}))",
                f"POLYGON(({a} {b}, {a} {d}, {c} {d}, {c} {b}, {a} {b}))",
            ]
        )
        literal = f"ST_GeomFromText('{shape}', 4326)"
        return Filter(f"S_{relation}(geometry, {shape})", f"ST_{relation.title()}(geom, {literal})")

    def _point(self, last: int) -> tuple[float, float]:
        """A point in or near the box; a last digit of its own keeps the corners of a polygon apart."""
        west, south, east, north = self.box
        margin = 0.1 * (east - west)
        x, y = self.chance.uniform(west - margin, east + margin), self.chance.uniform(south - margin, north + margin)
        return round(round(x, 5) + last * 1e-6, 6), round(round(y, 5) + last * 1e-6, 6)
