// SPDX-License-Identifier: Apache-2.0
// Every address the page asks for. All are of its own server; `/map` may lie under a path prefix of a proxy.

export const base = new URL('../../../', import.meta.url);

/** An absolute URL below the server's base. Template braces stay readable for MapLibre. */
export const url = path => new URL(path, base).href.replaceAll('%7B', '{').replaceAll('%7D', '}');

/** Parsed JSON of a path; throws an Error with the server's own sentence where it refuses. */
export const json = path => answered(fetch(url(path), { headers: { Accept: 'application/json' } }));

/** The same for another method, with a JSON body. */
export const send = (method, path, body, headers = {}) => answered(fetch(url(path), {
  method,
  headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }), ...headers },
  body: body && JSON.stringify(body),
}));

async function answered(asked) {
  const response = await asked;
  if (response.ok) return response.json();
  const refusal = await response.json().catch(() => ({}));
  throw new Error(refusal.description ?? refusal.detail ?? `HTTP ${response.status}`);
}

/** What is published: the JSON twin of this page. */
export const site = () => json('map?f=json');

/** The style document of a collection. */
export const style = (collection, id) => json(`collections/${collection}/styles/${id}`);

/** Path of one record. */
export const itemPath = (collection, code, year) => `collections/${collection}/items/${encodeURIComponent(code)}.${year}`;

const SCHEME = 'WebMercatorQuad/{z}/{y}/{x}';
const during = year => `datetime=${year}-01-01/${year}-12-31`;

/** Template of the dataset tiles of one year: one layer an inventory. */
export const tiles = year => url(`tiles/${SCHEME}?f=mvt&${during(year)}`);

/** Template of the tiles of a collection in one year, with a query. */
export const collectionTiles = (collection, query, year) => url(`collections/${collection}/tiles/${SCHEME}?${query}&${during(year)}`);
