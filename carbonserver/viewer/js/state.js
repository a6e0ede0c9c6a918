// SPDX-License-Identifier: Apache-2.0
// The page's state lives in its address: what is shown in the query, where in the hash (MapLibre writes it).

import { layerOf, yearOf } from './layers.js';

const KEYS = ['inventory', 'layer', 'sector', 'year', 'record', 'lang'];

/** State from the address, repaired to what is published. */
export function read(site, location = window.location) {
  const query = new URLSearchParams(location.search);
  const inventory = site.inventories.find(i => i.id === query.get('inventory')) ?? site.inventories[0];
  return repaired({
    inventory,
    layer: query.get('layer'),
    sector: query.get('sector'),
    year: Number(query.get('year')),
    record: query.get('record') ?? query.get('cell'),
    lang: query.get('lang'),
  });
}

/** A state whose layer, sector and year are there for its inventory. */
export function repaired(state) {
  const layer = layerOf(state.inventory, state.layer);
  const sector = layer.styles.includes(state.sector) ? state.sector : layer.styles[0];
  return { ...state, layer: layer.id, sector, year: yearOf(layer, state.year) };
}

/** The query of a state; empty values are left out. */
export function query(state) {
  const values = { ...state, inventory: state.inventory.id };
  const kept = KEYS.filter(key => values[key] !== null && values[key] !== undefined);
  return '?' + new URLSearchParams(kept.map(key => [key, values[key]]));
}

/** Put the state into the address bar without a new history entry. */
export const write = state => history.replaceState(null, '', query(state) + window.location.hash);
