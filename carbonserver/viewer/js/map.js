// SPDX-License-Identifier: Apache-2.0
// The map: a MapLibre style made from the state, and what can be asked of the drawn cells.

import * as api from './api.js';
import { LAYERS, features } from './draw.js';
import { GRID, density, layerOf, yearOf } from './layers.js';
import { h } from './dom.js';
import { pick, text } from './i18n.js';

const LAND = '#f4f4f1';
const BORDER = '#6b7280';
const union = boxes => boxes[0].map((_, i) => Math[i < 2 ? 'min' : 'max'](...boxes.map(box => box[i])));

/** What each inventory shows: its layer of the state's id, in the state's year or that layer's newest. */
const shown = (site, state) => site.inventories.map(inventory => {
  const layer = layerOf(inventory, state.layer);
  return { inventory, layer, year: yearOf(layer, state.year) };
});

/** Sources of dataset tiles, one a year that is on the map, bounded to what lies in them. */
function gridSources(drawn) {
  const byYear = Map.groupBy(drawn.filter(({ layer }) => layer.id === GRID), ({ year }) => year);
  return Object.fromEntries([...byYear].map(([year, members]) => [`y${year}`, {
    type: 'vector', tiles: [api.tiles(year)], minzoom: 0, maxzoom: 16, bounds: union(members.map(({ inventory: i }) => i.bbox)),
  }]));
}

/** Name of the collection that holds a layer's records of a year. */
const holder = (layer, year) => (year === layer.years.at(-1) ? layer.collection : layer.history);

/** The source of a layer of units or sources: its own tiles with what its style needs. */
function ownSource(layer, year, { tiles, minzoom, maxzoom, bounds }) {
  const [, query] = tiles[0].split('?');
  return { type: 'vector', tiles: [api.collectionTiles(holder(layer, year), query, year)], minzoom, maxzoom, bounds };
}

function sources(drawn, styles) {
  const own = drawn.filter(({ layer }) => layer.id !== GRID)
    .map(({ inventory, layer, year }) => [layer.collection, ownSource(layer, year, styles.get(inventory.id).sources.cells)]);
  return { ...gridSources(drawn), ...Object.fromEntries(own), ...Object.fromEntries(drawn.flatMap(ground)) };
}

/** Below buildings, roads and stands: the finest administrative units, so that one sees where they lie. */
const groundOf = ({ inventory, layer }) => (layer.kind === 'sources' ? inventory.layers.filter(l => l.kind === 'units' && l.id !== 'zoning').at(-1) : undefined);

function ground(one) {
  const units = groundOf(one);
  if (!units) return [];
  const tiles = [api.collectionTiles(units.collection, 'f=mvt&properties=unit_name', units.years.at(-1))];
  return [[units.collection, { type: 'vector', tiles, minzoom: units.minzoom, maxzoom: 16, bounds: one.inventory.bbox }]];
}

function groundLayers(one) {
  const units = groundOf(one);
  if (!units) return [];
  const from = { source: units.collection, 'source-layer': units.collection };
  return [
    { ...from, id: `${one.inventory.id}:land`, type: 'fill', paint: { 'fill-color': LAND } },
    { ...from, id: `${one.inventory.id}:borders`, type: 'line', paint: { 'line-color': BORDER, 'line-width': 0.7 } },
  ];
}

/** Where a layer's records are drawn from. */
const from = ({ inventory, layer, year }) => (layer.id === GRID
  ? { source: `y${year}`, 'source-layer': inventory.id }
  : { source: layer.collection, 'source-layer': holder(layer, year) });

/** Hairlines of cells when near, borders of units; others have their own edges. */
function edges(one) {
  const line = { ...from(one), id: `${one.inventory.id}:hairline`, type: 'line' };
  if (one.layer.kind === 'cells') return [{ ...line, minzoom: 14, paint: { 'line-color': '#00000026', 'line-width': 0.5 } }];
  return one.layer.kind === 'units' ? [{ ...line, paint: { 'line-color': BORDER, 'line-width': 0.8 } }] : [];
}

/** Layers of one inventory: records as its style says, edges, the chosen record outlined. */
function layers(one, state, fill) {
  const { inventory, layer } = one;
  const chosen = { ...from(one), type: 'line', filter: ['==', ['get', layer.code], state.record ?? ''] };
  const wide = fill.type === 'line' ? 5 : 0;
  const paint = fill.type === 'line' ? { ...fill.paint, 'line-width': ['interpolate', ['linear'], ['zoom'], 10, 1, 16, 6] } : fill.paint;
  return [
    ...groundLayers(one),
    { ...from(one), id: inventory.id, type: fill.type, paint },
    ...edges(one),
    { ...chosen, id: `${inventory.id}:halo`, paint: { 'line-color': '#ffffff', 'line-width': 5 + wide } },
    { ...chosen, id: `${inventory.id}:chosen`, paint: { 'line-color': '#0b57d0', 'line-width': 2.5 + wide } },
  ];
}

/** The whole style of a state; `styles` holds each inventory's style document. The chosen inventory lies on top. */
export function mapStyle(site, state, styles) {
  const all = shown(site, state);
  const order = [...all.filter(one => one.inventory !== state.inventory), ...all.filter(one => one.inventory === state.inventory)];
  return {
    version: 8,
    sources: { ...sources(order, styles), region: { type: 'geojson', data: features() } },
    layers: [...order.flatMap(one => layers(one, state, styles.get(one.inventory.id).layers[0])), ...LAYERS],
  };
}

/** Room for the panel: beside it on a wide screen, above it on a narrow one. */
export function padding() {
  const panel = document.querySelector('#panel').getBoundingClientRect();
  const wide = panel.width < innerWidth * 0.6;
  return wide
    ? { left: panel.right + 24, right: 56, top: 84, bottom: 44 }
    : { left: 24, right: 24, top: 124, bottom: innerHeight - panel.top + 24 };
}

/** The part of the screen that the panel leaves free, as two corners in pixels. */
export function free() {
  const { left, right, top, bottom } = padding();
  return [[left, top], [innerWidth - right, innerHeight - bottom]];
}

/** Create the map. Flat and north-up: a grid is read, not flown over. */
export function create(maplibre, style, bbox) {
  const map = new maplibre.Map({
    container: 'map', style, hash: 'map', bounds: bbox, fitBoundsOptions: { padding: padding() },
    minZoom: 3, maxZoom: 17.9, maxPitch: 0, dragRotate: false, touchPitch: false, pitchWithRotate: false,
    attributionControl: false, fadeDuration: 0, refreshExpiredTiles: false,
    locale: {
      'Map.Title': text('map'),
      'NavigationControl.ZoomIn': text('zoom_in'),
      'NavigationControl.ZoomOut': text('zoom_out'),
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'top-right');
  map.addControl(new maplibre.ScaleControl({ unit: 'metric' }), 'bottom-right');
  return map;
}

const fillLayers = (map, site) => site.inventories.map(i => i.id).filter(id => map.getLayer(id));

const NEAR_PX = 5; // a road is thin
const owner = (site, feature) => site.inventories.find(i => i.id === feature.layer.id);

function record(site, state, feature) {
  const inventory = owner(site, feature);
  const layer = layerOf(inventory, state.layer);
  return { inventory, layer, code: feature.properties[layer.code], properties: feature.properties };
}

/** The record drawn at a screen point, or near it, or null. */
export function recordAt(map, site, state, { x, y }) {
  const layers = fillLayers(map, site);
  const near = [[x - NEAR_PX, y - NEAR_PX], [x + NEAR_PX, y + NEAR_PX]];
  const lines = layers.filter(id => map.getLayer(id).type === 'line');
  const [feature] = [...map.queryRenderedFeatures([x, y], { layers }), ...map.queryRenderedFeatures(near, { layers: lines })];
  return feature ? record(site, state, feature) : null;
}

/** The records in view, beside the panel, with the largest absolute density of a property, largest first. */
export function largest(map, site, state, property, count = 10) {
  const found = new Map();
  for (const feature of map.queryRenderedFeatures(free(), { layers: fillLayers(map, site) })) {
    const one = record(site, state, feature);
    if (feature.properties[property] !== undefined) found.set(`${one.inventory.id} ${one.code}`, one);
  }
  const size = one => Math.abs(density(one.layer, one.properties, property));
  return [...found.values()].sort((a, b) => size(b) - size(a)).slice(0, count);
}

/** Name plates above each of several inventories; `open` is called with the inventory of a pressed one. */
export function plates(maplibre, map, site, open) {
  if (site.inventories.length < 2) return;
  for (const inventory of site.inventories) {
    const [west, , east, north] = inventory.bbox;
    const element = h('button', { type: 'button', className: 'plate' }, pick(inventory.title));
    element.addEventListener('click', event => { event.stopPropagation(); open(inventory); });
    new maplibre.Marker({ element, anchor: 'bottom' }).setLngLat([(west + east) / 2, north]).addTo(map);
  }
}

/** The inventories whose extent meets the view. */
export function inView(map, site) {
  const [[w, s], [e, n]] = map.getBounds().toArray();
  return site.inventories.filter(({ bbox: [bw, bs, be, bn] }) => bw <= e && be >= w && bs <= n && bn >= s);
}

/** Resolves when everything asked for is drawn. */
export const settled = map => new Promise(resolve => { map.once('idle', resolve); map.triggerRepaint(); });
