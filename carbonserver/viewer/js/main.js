// SPDX-License-Identifier: Apache-2.0
// Wires the page: address -> state -> map, panel and card, and back. No framework, no bundler.

import * as api from './api.js';
import * as card from './card.js';
import * as i18n from './i18n.js';
import * as panel from './panel.js';
import * as region from './region.js';
import { drawing } from './draw.js';
import { density, levelAt, levelOf } from './ramp.js';
import * as states from './state.js';
import { cellAt, create, finest, inView, largest, mapStyle, padding, plates, settled, yearOf } from './map.js';

let maplibre, site, state, map;
let turn = 0; // of two quick switches only the later one is drawn
let picked = null; // the tile's own values of the chosen cell, shown until the API has answered
const documents = new Map();

/** Style documents of a sector, one an inventory, fetched once. */
async function styles(sector) {
  const fetched = site.inventories.map(async inventory => {
    const collection = finest(inventory);
    const key = `${collection}/${sector}`;
    if (!documents.has(key)) documents.set(key, await api.style(collection, sector));
    return [inventory.id, documents.get(key)];
  });
  return new Map(await Promise.all(fetched));
}

const style = () => documents.get(`${finest(state.inventory)}/${state.sector}`);
const legendOf = () => style().metadata['carbongrid:legend'];

/** Change the state and draw it; resolves when the map shows it, or the page says why it cannot. */
const change = changes => draw(changes).catch(error => panel.message(i18n.text('error_server', { reason: error.message })));

async function draw(changes) {
  const mine = ++turn;
  state = { ...state, ...changes };
  state.year = yearOf(state.inventory, state.year);
  states.write(state);
  document.body.ariaBusy = 'true';
  const fetched = await styles(state.sector);
  if (mine !== turn) return;
  panel.controls(site, state);
  legend();
  if (!state.cell) card.empty();
  const drawn = mapStyle(site, state, fetched);
  if (map) map.setStyle(drawn);
  else open(drawn); // the panel has its height by now, so the first view can leave room for it
  await Promise.all([showCard(mine), settled(map)]);
  if (mine === turn) document.body.ariaBusy = 'false';
}

const legend = () => panel.legend(style(), levelAt(state.inventory.levels, map?.getZoom() ?? 0));

/** The card from the API's record; until it comes, from the tile. */
async function showCard(mine) {
  if (!state.cell) return card.empty();
  const { inventory, cell, year } = state;
  const grid = inventory.levels.find(l => l.level === levelOf(cell));
  const path = grid?.collection ? api.itemPath(grid.collection, inventory.newest, cell, year) : null;
  const put = properties => card.show({ inventory, cell, year, properties, path }, legendOf(), () => choose(null));
  if (picked?.cell === cell && picked.properties.year === year) put(picked.properties);
  else if (!path) return card.empty();
  if (!path) return undefined;
  try {
    const { properties } = await api.json(`${path}?f=json`);
    if (mine === turn) put(properties);
  } catch (error) {
    if (mine === turn) card.failed(error.message);
  }
}

/** Choose a drawn cell (null: none). Its inventory becomes the chosen one; the view stays. */
function choose(record) {
  picked = record;
  if (!record) map.getCanvas().focus({ preventScroll: true });
  return change(record ? { inventory: record.inventory, cell: record.cell } : { cell: null });
}

function open(drawn) {
  map = create(maplibre, drawn, state.inventory.bbox);
  map.on('error', ({ error }) => console.error(error?.message));
  plates(maplibre, map, site, visit);
  region.mount(map, () => ({ site, state, property: legendOf().property }));
  listen();
}

/** Go to an inventory. */
function visit(inventory) {
  map.fitBounds(inventory.bbox, { padding: padding(), animate: false });
  return change({ inventory, cell: null });
}

/** What depends on the view alone: notes, level and the table twin. */
function viewed() {
  panel.notes(inView(map, site));
  legend();
  if (!document.querySelector('#table').open) return;
  const { property } = legendOf();
  const records = largest(map, site, property);
  panel.table(records, style(), records.map(r => density(r.properties[property], r.properties.level)), choose);
}

function listen() {
  const form = document.querySelector('#controls');
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('change', ({ target: { name, value } }) => {
    if (name === 'sector') return change({ sector: value });
    if (name === 'year') return change({ year: Number(value) });
    return visit(site.inventories.find(i => i.id === value));
  });
  document.querySelector('#table').addEventListener('toggle', viewed);
  map.on('moveend', viewed);
  map.on('idle', viewed);
  map.on('click', event => drawing() || choose(cellAt(map, site, event.point)));
  map.getCanvas().addEventListener('keydown', event => {
    if (drawing()) return;
    if (event.key === 'Enter') choose(cellAt(map, site, map.project(map.getCenter())));
    if (event.key === 'Escape') choose(null);
  });
}

async function vendor() {
  try {
    return await import('../vendor/maplibre-gl.mjs');
  } catch {
    return null;
  }
}

const both = async key => {
  const texts = await Promise.all(Object.keys(i18n.LANGUAGES).map(lang => fetch(new URL(`../locale/${lang}.json`, import.meta.url))));
  return Promise.all(texts.map(async response => (await response.json())[key]));
};

async function start() {
  await i18n.load(i18n.choose(new URLSearchParams(location.search).get('lang')));
  panel.links(api.url);
  maplibre = await vendor();
  if (!maplibre) return panel.message(...await both('error_vendor'));
  try {
    site = await api.site();
  } catch (error) {
    return panel.message(i18n.text('error_server', { reason: error.message }));
  }
  if (!site.inventories.length) return panel.message(i18n.text('error_empty'));
  state = states.read(site);
  if (!document.createElement('canvas').getContext('webgl2')) return panel.message(i18n.text('error_webgl'));
  return change({});
}

// For scripts and tests: `ready` resolves when the first picture is drawn, `carbongrid` holds the map.
window.ready = start().finally(() => { document.body.ariaBusy = 'false'; });
window.carbongrid = { get map() { return map; }, get state() { return state; }, settled: () => settled(map) };
