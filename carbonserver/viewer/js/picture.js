// SPDX-License-Identifier: Apache-2.0
// A still map of where records lie: the collection's own tiles in its own style, the page's records outlined on top.
import * as maplibregl from '../vendor/maplibre-gl.mjs';

const EMPTY = { version: 8, sources: {}, layers: [] };

/** Corners of a GeoJSON object: [[west, south], [east, north]], null where it has no geometry. */
function bounds(features) {
  const box = new maplibregl.LngLatBounds();
  const walk = part => (typeof part[0] === 'number' ? box.extend(part.slice(0, 2)) : part.forEach(walk));
  for (const { geometry } of features.features ?? [features]) if (geometry) walk(geometry.coordinates);
  return box.isEmpty() ? null : box;
}

function outline(map, features) {
  const color = getComputedStyle(document.documentElement).getPropertyValue('--accent');
  const probe = Object.assign(document.createElement('i'), { hidden: true });
  probe.style.color = color;
  document.body.append(probe);
  const accent = getComputedStyle(probe).color;
  probe.remove();
  map.addSource('records', { type: 'geojson', data: features });
  map.addLayer({ id: 'records', type: 'line', source: 'records', paint: { 'line-color': accent, 'line-width': 2 } });
}

async function draw(figure) {
  const block = figure.querySelector('script');
  const features = block && JSON.parse(block.textContent);
  const [west, south, east, north] = figure.dataset.bbox.split(',').map(Number);
  const style = figure.dataset.style ? await (await fetch(figure.dataset.style)).json() : EMPTY;
  const extent = { type: 'Feature', geometry: { type: 'Polygon', coordinates: [[[west, south], [east, south], [east, north], [west, north], [west, south]]] } };
  const map = new maplibregl.Map({
    container: figure, style, interactive: false, attributionControl: { compact: false },
    bounds: (features && bounds(features)) ?? [[west, south], [east, north]],
    fitBoundsOptions: { padding: features ? 60 : 16, maxZoom: 15 },
    minZoom: Math.min(15, ...Object.values(style.sources).map(source => source.minzoom)),
  });
  map.getCanvas().tabIndex = -1;
  await map.once('load');
  outline(map, features ?? extent);
  await map.once('idle');
}

const figures = [...document.querySelectorAll('.picture')];
window.ready = Promise.all(figures.map(draw));
