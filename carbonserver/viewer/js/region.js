// SPDX-License-Identifier: Apache-2.0
// "Estimate a region": draw one or upload a file, see the limits before, run, watch, cancel, read the card.

import * as api from './api.js';
import * as card from './card.js';
import * as draw from './draw.js';
import * as jobs from './jobs.js';
import { h } from './dom.js';
import { text } from './i18n.js';
import { padding } from './map.js';

const PROCESS = 'estimate-region';
const TYPES = { geojson: 'application/geo+json', json: 'application/geo+json', gpkg: 'application/geopackage+sqlite3', kml: 'application/vnd.google-earth.kml+xml', zip: 'application/zip' };
const $ = selector => document.querySelector(selector);
const button = (key, act, disabled = false) => {
  const made = h('button', { type: 'button', disabled, name: key }, text(key));
  made.addEventListener('click', act);
  return made;
};
const say = (...nodes) => $('#region-work').replaceChildren(...nodes);

let theMap;
let view; // () => { state, property }: what the map shows
let description = null;
let running = null; // the job that is watched
let file = null; // an uploaded file as the value of the input

/** Wire the section to the map; `shown` tells what the map shows. */
export function mount(map, shown) {
  [theMap, view] = [map, shown];
  draw.attach(map, controls);
  $('#region').addEventListener('toggle', limits);
  $('#region-draw').addEventListener('click', () => { forget(); draw.begin(); });
  $('#region-file').addEventListener('change', ({ target }) => { if (target.files[0]) take(target.files[0]); });
}

/** The limits are the process's own words. */
async function limits() {
  if (description) return;
  description = await api.json(`processes/${PROCESS}?f=json&lang=${document.documentElement.lang}`);
  $('#region-limits').textContent = description.inputs.region.description;
}

function forget() {
  file = null;
  $('#region-file').value = '';
  $('#estimate').replaceChildren();
}

/** Buttons that fit what is there: points, a polygon, a file, a running job. */
function controls() {
  if (running) return;
  if (draw.drawing()) {
    say(h('p', { className: 'hint' }, text('region_hint')),
      button('region_finish', draw.finish, !draw.closable()), button('region_undo', draw.undo, !draw.count()), button('cancel', draw.clear));
  } else if (draw.region() || file) {
    say(h('p', { className: 'hint' }, file ? file.name : text('region_drawn')), button('region_run', run), button('region_clear', () => { forget(); draw.clear(); }));
  } else say();
}

async function take(chosen) {
  draw.clear();
  forget();
  const mediaType = TYPES[chosen.name.split('.').pop().toLowerCase()] ?? chosen.type;
  try {
    if (mediaType === TYPES.geojson) {
      const value = JSON.parse(await chosen.text());
      file = { name: chosen.name, value };
      const [only] = value.type === 'FeatureCollection' && value.features.length === 1 ? value.features : [value];
      const geometry = only.geometry ?? only;
      if (geometry.coordinates?.length) visit(geometry);
    } else file = { name: chosen.name, value: { value: await base64(chosen), mediaType, encoding: 'base64' } };
    controls();
  } catch (error) {
    refused(error.message);
  }
}

/** Show a polygon of a file, and go there. */
function visit(geometry) {
  const flat = coordinates => (typeof coordinates[0] === 'number' ? [coordinates] : coordinates.flatMap(flat));
  const bound = (axis, pick) => flat(geometry.coordinates).map(c => c[axis]).reduce((a, b) => pick(a, b));
  const box = [bound(0, Math.min), bound(1, Math.min), bound(0, Math.max), bound(1, Math.max)];
  theMap.fitBounds(box, { padding: padding(), animate: false, maxZoom: 15 });
  draw.set(geometry);
}

const base64 = blob => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.addEventListener('load', () => resolve(reader.result.slice(reader.result.indexOf(',') + 1)));
  reader.addEventListener('error', () => reject(reader.error));
  reader.readAsDataURL(blob);
});

/** The inventory under a drawn polygon, the chosen one first; the server finds it for a file. */
function inventory() {
  const { state, site } = view();
  if (file) return {};
  const [lng, lat] = draw.region().coordinates.flat(Infinity);
  const under = ({ bbox: [w, s, e, n] }) => w <= lng && lng <= e && s <= lat && lat <= n;
  const found = [state.inventory, ...site.inventories].find(under);
  return found ? { inventory: found.id, year: found.years.includes(state.year) ? state.year : found.newest } : {};
}

/** Everything but the cells: they may be many, and are fetched when they are wanted. */
async function run() {
  await limits().catch(error => refused(error.message));
  const names = Object.keys(description?.outputs ?? {}).filter(name => name !== 'cells');
  await ask(Object.fromEntries(names.map(name => [name, {}])), async id => {
    const results = await jobs.results(id);
    const files = Object.keys(results).map(name => [name, jobs.output(id, name)]);
    card.estimate($('#estimate'), results.totals, view().property, files, button('region_cells', cells));
  });
}

/** The cells inside the region, as a file. */
const cells = () => ask({ cells: { format: { mediaType: TYPES.gpkg } } }, id => {
  h('a', { href: api.url(jobs.output(id, 'cells')), download: 'cells.gpkg' }).click();
});

/** Run the process for the region that is there; `done` gets the id of the job that succeeded. */
async function ask(outputs, done) {
  const region = file ? file.value : { value: draw.region() };
  const language = document.documentElement.lang;
  const inputs = { year: view().state.year, language, ...inventory(), region };
  running = {};
  say(h('p', { className: 'hint' }, text('job_accepted')));
  try {
    const info = await jobs.run(PROCESS, { inputs, outputs, response: 'document' }, watched);
    running = null;
    if (info.status === 'dismissed') stopped();
    else if (info.status === 'failed') refused(info.message);
    else {
      controls();
      await done(info.jobID);
    }
  } catch (error) {
    running = null;
    refused(error.message);
  }
}

/** Progress, and a way to stop it. */
function watched(info) {
  running = info;
  const bar = h('progress', { max: 100, value: info.progress, 'aria-label': text('progress') });
  say(h('p', { className: 'hint' }, info.message ?? text(`job_${info.status}`)), bar, button('cancel', event => {
    event.target.disabled = true;
    jobs.cancel(info.jobID).catch(error => refused(error.message));
  }));
}

function stopped() {
  controls();
  $('#region-work').prepend(h('p', { className: 'hint', role: 'status' }, text('job_dismissed')));
}

function refused(reason) {
  controls();
  $('#region-work').prepend(h('p', { className: 'refusal', role: 'alert' }, reason));
}
