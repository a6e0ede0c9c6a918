# SPDX-License-Identifier: Apache-2.0
"""Sums of a place by year, made once, and what its profile needs of other years and of the unit around it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from processes.base import Report
from processes.regions.inside import Choice, Inside
from processes.regions.place import Place
from processes.regions.profile import Surroundings, profile
from processes.schema import Json


@dataclass(frozen=True)
class Sums:
    """A place, a choice and the years asked for, with their sums, made once."""

    place: Place
    choice: Choice
    years: Sequence[int]
    report: Report

    @cached_property
    def asked(self) -> dict[int, Inside]:
        """What lies inside, by year in the order asked."""
        return self._summed(self.years)

    def _summed(self, years: Iterable[int]) -> dict[int, Inside]:
        made: dict[int, Inside] = {}
        for year in years:
            self.report(len(made) / len(self.years), {"ko": f"{year}년 합산", "en": f"summing {year}"})
            made[year] = self.place.estimate(self.place.published.release(year), self.choice)
        return made

    def profile(self) -> Json:
        """The trend is over the years asked for; where that is one, over all years that have the place."""
        published, made = self.place.published, self.asked
        years = published.years if len(made) == 1 else ()
        course = made | self._summed(y for y in years if y not in made and self.place.in_year(published.release(y)))
        around = Surroundings.of(published.release(max(made)), self.place)
        units = {} if around is None else around.years(published.releases, made, self.choice)
        return profile(made, course, around, units)
