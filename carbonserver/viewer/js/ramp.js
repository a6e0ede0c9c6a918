// SPDX-License-Identifier: Apache-2.0
// Classes and levels: the same arithmetic as the style expression (carbonserver/styles.py).

/** Side of a cell in metres from its level (`100m`, `1km`). */
export const metres = level => parseInt(level, 10) * (level.endsWith('km') ? 1000 : 1);

/** Class colour of a density in a legend. */
export function color(legend, value) {
  if (value === null) return legend.no_data;
  return value === 0 ? legend.zero : legend.colors[legend.breaks.filter(b => value >= b).length];
}

/** The level of dataset tiles at a zoom; `levels` are ordered from coarse to fine. */
export const levelAt = (levels, zoom) => levels.filter(l => l.minzoom <= Math.floor(zoom)).at(-1)?.level ?? levels[0].level;
