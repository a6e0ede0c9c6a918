// SPDX-License-Identifier: Apache-2.0
// What the map can show of an inventory: its grid, a level of units, or a kind of source; and how to read a record of it.

import { metres } from './ramp.js';
import { level, pick, text } from './i18n.js';

/** Id of the layer of cells, whose size follows the zoom. */
export const GRID = 'grid';

/** The layers of an inventory, the grid first where its cells are published. */
export const layersOf = inventory => (finest(inventory) ? [grid(inventory), ...inventory.layers] : inventory.layers);

/** The layer of an id, or the inventory's first. */
export const layerOf = (inventory, id) => layersOf(inventory).find(layer => layer.id === id) ?? layersOf(inventory)[0];

/** The finest collection of cells, null without any: its style suits every level of the dataset tiles. */
const finest = inventory => inventory.levels.at(-1).collection;

const grid = inventory => ({
  id: GRID, kind: 'cells', code: 'cell_id', collection: finest(inventory), years: inventory.years,
  minzoom: 0, styles: inventory.styles, title: { ko: text('layer_grid'), en: text('layer_grid') },
});

/** The chosen year, or the newest that the layer has. */
export const yearOf = (layer, year) => (layer.years.includes(year) ? year : layer.years.at(-1));

/** Level from a cell id such as CRS5179RES500mN1945000E953000. */
function levelOf(cell) {
  const size = Number(/RES(\d+)m/.exec(cell)?.[1]);
  return size >= 1000 ? `${size / 1000}km` : `${size}m`;
}

/** The collections of a record's newest year and of all years; null where there is none. */
export function collections(inventory, layer, code) {
  if (layer.id !== GRID) return { newest: layer.collection, history: layer.history };
  const newest = inventory.levels.find(l => l.level === levelOf(code))?.collection ?? null;
  return { newest, history: newest && `${newest}-history` };
}

/** Hectares of a record that its density is reckoned by: a cell's nominal ones, a unit's or source's own. */
function hectares(layer, properties) {
  if (layer.id === GRID) return (metres(properties.level ?? levelOf(properties.cell_id)) / 100) ** 2;
  const [size, hectare] = layer.hectare;
  return properties[size] / hectare;
}

/** Tonnes of a record -> t/(ha a), as its colour has it; null stays null. */
export function density(layer, properties, figure) {
  const tonnes = properties[figure];
  return tonnes === null || tonnes === undefined ? null : tonnes / hectares(layer, properties);
}

/** What a record is called. */
export const nameOf = (layer, properties) =>
  properties.kr_code ?? (layer.kind === 'units' ? properties.unit_name : null) ?? shortOf(properties[layer.code]);

const shortOf = code => code.replace(/^CRS\d+RES\d+m/, '');

/** What a record is one of: a cell of a size, or the layer's title. */
export const sortOf = (layer, code) => (layer.id === GRID ? level(levelOf(code)) : titleOf(layer));

/** The layer's title, as a heading. */
export function titleOf(layer) {
  const title = pick(layer.title);
  return title[0].toUpperCase() + title.slice(1);
}
