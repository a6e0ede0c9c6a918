// SPDX-License-Identifier: Apache-2.0
// Densities, classes and levels: the same arithmetic as the style expression (carbonserver/styles.py).

/** Side of a cell in metres from its level (`100m`, `1km`). */
export const metres = level => parseInt(level, 10) * (level.endsWith('km') ? 1000 : 1);

/** Tonnes of a cell -> t/(ha a); null stays null. */
export const density = (tonnes, level) =>
  tonnes === null || tonnes === undefined ? null : tonnes / ((metres(level) / 100) ** 2);

/** Class colour of a density in a legend. */
export function color(legend, value) {
  if (value === null) return legend.no_data;
  return value === 0 ? legend.zero : legend.colors[legend.breaks.filter(b => value >= b).length];
}

/** The level of dataset tiles at a zoom; `levels` are ordered from coarse to fine. */
export const levelAt = (levels, zoom) => levels.filter(l => l.minzoom <= Math.floor(zoom)).at(-1)?.level ?? levels[0].level;

/** Level from a cell id such as CRS5179RES500mN1945000E953000. */
export function levelOf(cell) {
  const size = Number(/RES(\d+)m/.exec(cell)?.[1]);
  return size >= 1000 ? `${size / 1000}km` : `${size}m`;
}
