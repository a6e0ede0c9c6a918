// SPDX-License-Identifier: Apache-2.0
// Wires the page: address -> state -> map, panel and card, and back. No framework, no bundler.

import * as api from './api.js';
import * as card from './card.js';
import * as i18n from './i18n.js';
import * as panel from './panel.js';
import * as region from './region.js';
import { drawing } from './draw.js';
import * as layers from './layers.js';
import * as states from './state.js';
import * as trend from './trend.js';
import { create, inView, largest, mapStyle, padding, plates, recordAt, settled } from './map.js';

let maplibre, site, state, map;
let turn = 0; // of two quick switches only the later one is drawn
let picked = null; // the tile's own values of the chosen cell, shown until the API has answered
const documents = new Map(); // by path, fetched once

const once = (path, get) => {
  if (!documents.has(path)) documents.set(path, get().catch(error => { documents.delete(path); throw error; }));
  return documents.get(path);
};

/** Style documents of the state, one an inventory. */
async function styles() {
  const fetched = site.inventories.map(async inventory => {
    const { collection, styles: offered } = layers.layerOf(inventory, state.layer);
    const sector = offered.includes(state.sector) ? state.sector : offered[0];
    return [inventory.id, await once(`${collection}/${sector}`, () => api.style(collection, sector))];
  });
  return new Map(await Promise.all(fetched));
}

let drawnStyle = null;
const style = () => drawnStyle;
const layer = () => layers.layerOf(state.inventory, state.layer);
const legendOf = () => style().metadata['carbongrid:legend'];

/** Change the state and draw it; resolves when the map shows it, or the page says why it cannot. */
const change = changes => draw(changes).catch(error => panel.message(i18n.text('error_server', { reason: error.message })));

async function draw(changes) {
  const mine = ++turn;
  state = states.repaired({ ...state, ...changes });
  states.write(state);
  document.body.ariaBusy = 'true';
  const fetched = await styles();
  if (mine !== turn) return;
  drawnStyle = fetched.get(state.inventory.id);
  panel.controls(site, state);
  legend();
  if (!state.record) card.empty();
  const drawn = mapStyle(site, state, fetched);
  if (map) map.setStyle(drawn);
  else open(drawn); // the panel has its height by now, so the first view can leave room for it
  await Promise.all([showCard(mine), settled(map)]);
  if (mine === turn) document.body.ariaBusy = 'false';
}

const legend = () => panel.legend(style(), state.inventory, layer(), map?.getZoom() ?? 0, reach);

/** Zoom in until the layer's records are drawn. */
const reach = () => map.jumpTo({ zoom: layer().minzoom });

/** The card from the API's record; until it comes, a cell's from the tile. */
async function showCard(mine) {
  if (!state.record) return card.empty();
  const { inventory, record: code, year } = state;
  const { newest, history } = layers.collections(inventory, layer(), code);
  const holder = year === layer().years.at(-1) ? newest : history;
  const paths = newest && { item: api.itemPath(holder, code, year), about: `collections/${newest}` };
  const put = properties => card.show({ inventory, layer: layer(), code, year, properties, paths }, legendOf(), () => choose(null));
  if (layer().kind === 'cells' && picked?.code === code && picked.properties.year === year) put(picked.properties);
  else if (!paths) return card.empty();
  if (!paths) return undefined;
  try {
    const { properties } = await api.json(`${paths.item}?f=json`);
    if (mine !== turn) return undefined;
    put(properties);
    await Promise.all([showYears(mine, history, code, properties), showDetails(mine, newest, properties)]);
  } catch (error) {
    if (mine === turn) card.failed(error.message);
  }
  return undefined;
}

async function showYears(mine, history, code, properties) {
  if (!history || layer().years.length < 2) return;
  const { property } = legendOf();
  const half = `${property}_u95` in properties ? `${property}_u95` : null;
  const rows = await trend.read(history, layer().code, code, property, half);
  if (mine === turn) card.years(rows, property);
}

/** What a source rests on, and how much of a unit lies inside; of cells all is said. */
async function showDetails(mine, collection, properties) {
  if (layer().kind === 'cells') return;
  const path = `collections/${collection}/schema?f=json&lang=${document.documentElement.lang}`;
  const schema = await once(path, () => api.json(path));
  if (mine === turn) card.details(properties, schema.properties);
}

/** Choose a drawn record (null: none). Its inventory becomes the chosen one; the view stays. */
function choose(record) {
  picked = record;
  if (!record) map.getCanvas().focus({ preventScroll: true });
  return change(record ? { inventory: record.inventory, record: record.code } : { record: null });
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
  return change({ inventory, record: null });
}

/** What depends on the view alone: notes, level and the table twin. */
function viewed() {
  panel.notes(inView(map, site));
  legend();
  if (!document.querySelector('#table').open) return;
  const { property } = legendOf();
  panel.table(largest(map, site, state, property), style(), layer(), choose);
}

/** Show another layer, from the zoom on at which it is drawn. */
function show(id) {
  if (map.getZoom() < layers.layerOf(state.inventory, id).minzoom) map.jumpTo({ zoom: layers.layerOf(state.inventory, id).minzoom });
  return change({ layer: id, record: null });
}

function listen() {
  const form = document.querySelector('#controls');
  form.addEventListener('submit', event => event.preventDefault());
  form.addEventListener('change', ({ target: { name, value } }) => {
    if (name === 'sector') return change({ sector: value });
    if (name === 'year') return change({ year: Number(value) });
    if (name === 'layer') return show(value);
    return visit(site.inventories.find(i => i.id === value));
  });
  document.querySelector('#table').addEventListener('toggle', viewed);
  map.on('moveend', viewed);
  map.on('idle', viewed);
  map.on('click', event => drawing() || choose(recordAt(map, site, state, event.point)));
  map.getCanvas().addEventListener('keydown', event => {
    if (drawing()) return;
    if (event.key === 'Enter') choose(recordAt(map, site, state, map.project(map.getCenter())));
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
