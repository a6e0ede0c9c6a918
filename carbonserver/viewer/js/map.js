// SPDX-License-Identifier: Apache-2.0
// The map: a MapLibre style made from the state, and what can be asked of the drawn cells.

import * as api from './api.js';
import { LAYERS, features } from './draw.js';
import { density } from './ramp.js';
import { h } from './dom.js';
import { pick, text } from './i18n.js';

/** The year in which an inventory is drawn: the chosen one, or its newest where that is not published. */
export const yearOf = (inventory, year) => (inventory.years.includes(year) ? year : inventory.newest);

const union = boxes => boxes[0].map((_, i) => Math[i < 2 ? 'min' : 'max'](...boxes.map(box => box[i])));

/** Sources of dataset tiles, one a year that is on the map, bounded to what lies in them. */
function sources(site, year) {
  const byYear = Map.groupBy(site.inventories, inventory => yearOf(inventory, year));
  return Object.fromEntries([...byYear].map(([y, members]) => [`y${y}`, {
    type: 'vector', tiles: [api.tiles(y)], minzoom: 0, maxzoom: 16, bounds: union(members.map(i => i.bbox)),
  }]));
}

/** Layers of one inventory: cells as its style says, hairlines when near, the chosen cell outlined. */
function layers(inventory, state, fill) {
  const from = { source: `y${yearOf(inventory, state.year)}`, 'source-layer': inventory.id };
  const chosen = { ...from, type: 'line', filter: ['==', ['get', 'cell_id'], state.cell ?? ''] };
  return [
    { ...from, id: inventory.id, type: 'fill', paint: fill.paint },
    { ...from, id: `${inventory.id}:hairline`, type: 'line', minzoom: 14, paint: { 'line-color': '#00000026', 'line-width': 0.5 } },
    { ...chosen, id: `${inventory.id}:halo`, paint: { 'line-color': '#ffffff', 'line-width': 5 } },
    { ...chosen, id: `${inventory.id}:chosen`, paint: { 'line-color': '#0b57d0', 'line-width': 2.5 } },
  ];
}

/** The whole style of a state; `styles` holds each inventory's style document. The chosen inventory lies on top. */
export function mapStyle(site, state, styles) {
  const order = [...site.inventories.filter(i => i !== state.inventory), state.inventory];
  return {
    version: 8,
    sources: { ...sources(site, state.year), region: { type: 'geojson', data: features() } },
    layers: [...order.flatMap(inventory => layers(inventory, state, styles.get(inventory.id).layers[0])), ...LAYERS],
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

const record = (site, feature) => ({
  inventory: site.inventories.find(i => i.id === feature.sourceLayer),
  cell: feature.properties.cell_id,
  properties: feature.properties,
});

/** The cell drawn at a screen point, or null. */
export function cellAt(map, site, point) {
  const [feature] = map.queryRenderedFeatures(point, { layers: fillLayers(map, site) });
  return feature ? record(site, feature) : null;
}

/** The cells in view, beside the panel, with the largest absolute density of a property, largest first. */
export function largest(map, site, property, count = 10) {
  const cells = new Map();
  for (const feature of map.queryRenderedFeatures(free(), { layers: fillLayers(map, site) })) {
    if (feature.properties[property] !== undefined) cells.set(feature.properties.cell_id, feature);
  }
  const size = feature => Math.abs(density(feature.properties[property], feature.properties.level));
  return [...cells.values()].sort((a, b) => size(b) - size(a)).slice(0, count).map(f => record(site, f));
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

/** The finest collection of an inventory: its style suits every level of the dataset tiles. */
export const finest = inventory => inventory.levels.at(-1).collection;
