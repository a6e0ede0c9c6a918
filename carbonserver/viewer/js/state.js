// SPDX-License-Identifier: Apache-2.0
// The page's state lives in its address: what is shown in the query, where in the hash (MapLibre writes it).

const KEYS = ['inventory', 'sector', 'year', 'cell', 'lang'];

/** State from the address, repaired to what is published. */
export function read(site, location = window.location) {
  const query = new URLSearchParams(location.search);
  const inventory = site.inventories.find(i => i.id === query.get('inventory')) ?? site.inventories[0];
  return {
    inventory,
    sector: site.styles.some(s => s.id === query.get('sector')) ? query.get('sector') : site.styles[0].id,
    year: inventory.years.includes(Number(query.get('year'))) ? Number(query.get('year')) : inventory.newest,
    cell: query.get('cell'),
    lang: query.get('lang'),
  };
}

/** The query of a state; empty values are left out. */
export function query(state) {
  const values = { ...state, inventory: state.inventory.id };
  const kept = KEYS.filter(key => values[key] !== null && values[key] !== undefined);
  return '?' + new URLSearchParams(kept.map(key => [key, values[key]]));
}

/** Put the state into the address bar without a new history entry. */
export const write = state => history.replaceState(null, '', query(state) + window.location.hash);
