// SPDX-License-Identifier: Apache-2.0
// Drawing one polygon: points by click, or by Enter at the crosshair; a double click or the first point closes it.

const CLOSE_PX = 10;
let map = null;
let points = [];
let active = false;
let polygon = null;
let tell = () => {};

/** Whether clicks and keys belong to the drawing now. */
export const drawing = () => active;

/** How many points there are, and whether they can be closed to an area. */
export const count = () => points.length;
export const closable = () => points.length > 2;

/** The polygon that is there (GeoJSON), or null. */
export const region = () => polygon;

/** Listen to a map; `changed` is called after every change. */
export function attach(to, changed) {
  [map, tell] = [to, changed];
  map.on('click', event => active && put(event.lngLat, event.point));
  map.on('dblclick', event => { if (active) { event.preventDefault(); finish(); } });
  map.getCanvas().addEventListener('keydown', key);
}

function key(event) {
  if (!active) return;
  if (event.key === 'Enter') put(map.getCenter(), map.project(map.getCenter()));
  if (event.key === 'Backspace') undo();
  if (event.key === 'Escape') clear();
}

/** Begin anew. */
export function begin() {
  [points, polygon, active] = [[], null, true];
  map.getCanvas().focus({ preventScroll: true });
  show();
}

function put({ lng, lat }, at) {
  const near = point => { const p = map.project(point); return Math.hypot(p.x - at.x, p.y - at.y) < CLOSE_PX; };
  if (points.length && near(points.at(-1))) return;
  if (closable() && near(points[0])) { finish(); return; }
  points.push([Number(lng.toFixed(6)), Number(lat.toFixed(6))]);
  show();
}

/** Take the last point back. */
export function undo() {
  points.pop();
  show();
}

/** Close the polygon. */
export function finish() {
  if (!closable()) return;
  polygon = { type: 'Polygon', coordinates: [[...points, points[0]]] };
  [points, active] = [[], false];
  show();
}

/** Show a given polygon or multipolygon. */
export function set(given) {
  [points, polygon, active] = [[], given, false];
  show();
}

/** Forget points and polygon. */
export function clear() {
  [points, polygon, active] = [[], null, false];
  show();
}

function show() {
  map.getSource('region')?.setData(features());
  map.getCanvas().style.cursor = active ? 'crosshair' : '';
  tell();
}

/** What the map draws of it. */
export function features() {
  const open = points.length > 1 ? [{ type: 'LineString', coordinates: points }] : [];
  const dots = points.length ? [{ type: 'MultiPoint', coordinates: points }] : [];
  const geometries = polygon ? [polygon] : [...open, ...dots];
  return { type: 'FeatureCollection', features: geometries.map(geometry => ({ type: 'Feature', properties: {}, geometry })) };
}

/** Layers of the map's style over the source `region`. */
export const LAYERS = [
  { id: 'region:area', type: 'fill', source: 'region', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': '#0b57d0', 'fill-opacity': 0.08 } },
  { id: 'region:halo', type: 'line', source: 'region', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': '#ffffff', 'line-width': 5 } },
  { id: 'region:line', type: 'line', source: 'region', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': '#0b57d0', 'line-width': 2.5 } },
  { id: 'region:points', type: 'circle', source: 'region', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 5, 'circle-color': '#ffffff', 'circle-stroke-color': '#0b57d0', 'circle-stroke-width': 2.5 } },
];
