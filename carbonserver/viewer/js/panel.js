// SPDX-License-Identifier: Apache-2.0
// The panel's head: title, inventory, year and sector; and the notes that are always in sight.

import { h, swatch } from './dom.js';
import { LANGUAGES, level, number, pick, text } from './i18n.js';
import { GRID, density, layerOf, layersOf, nameOf, titleOf } from './layers.js';
import { levelAt } from './ramp.js';
import { query } from './state.js';

const $ = selector => document.querySelector(selector);
const options = (values, chosen) => values.map(([value, label]) => h('option', { value, selected: value === chosen }, label));

/** Title, selects, sector switch and language links of a state. */
export function controls(site, state) {
  const style = site.styles.find(s => s.id === state.sector);
  const title = text('title', { inventory: pick(state.inventory.title), year: state.year, sector: pick(style.title) });
  $('#title').textContent = title;
  document.title = `${title} – Carbongrid`;
  const form = $('#controls');
  form.inventory.replaceChildren(...options(site.inventories.map(i => [i.id, pick(i.title)]), state.inventory.id));
  const layer = layerOf(state.inventory, state.layer);
  form.year.replaceChildren(...options(layer.years.map(y => [y, String(y)]).reverse(), state.year));
  form.layer.replaceChildren(...grouped(layersOf(state.inventory), state.layer));
  const offered = site.styles.filter(s => layer.styles.includes(s.id));
  const radios = [...document.querySelectorAll('#sectors input')];
  if (radios.map(radio => radio.value).join() === offered.map(s => s.id).join()) radios.forEach(radio => { radio.checked = radio.value === state.sector; });
  else $('#sectors').replaceChildren($('#sectors legend'), ...offered.map(s => sector(s, state.sector)));
  languages(state);
}

/** The grid, then units and sources under their headings. */
function grouped(layers, chosen) {
  const entries = kind => options(layers.filter(l => l.kind === kind).map(l => [l.id, titleOf(l)]), chosen);
  const group = kind => (layers.some(l => l.kind === kind) ? [h('optgroup', { label: text(`layers_${kind}`) }, entries(kind))] : []);
  return [...entries('cells'), ...group('units'), ...group('sources')];
}

const sector = (style, chosen) =>
  h('label', {}, h('input', { type: 'radio', name: 'sector', value: style.id, checked: style.id === chosen }), h('span', {}, pick(style.title)));

/** Links, so that a language is an address too; the place on the map goes along when one is followed. */
function languages(state) {
  const link = ([lang, name]) => {
    const node = h('a', { lang, hreflang: lang, href: query({ ...state, lang }) }, name);
    if (lang === document.documentElement.lang) node.ariaCurrent = 'true';
    node.addEventListener('click', () => { node.href = query({ ...state, lang }) + location.hash; });
    return node;
  };
  $('#languages').replaceChildren(...Object.entries(LANGUAGES).map(link));
}

/** Legend of a style document: zero, classes with their breaks, no data; unit and what is drawn at a zoom. */
export function legend(style, inventory, layer, zoom, reach) {
  const { unit, zero, no_data: noData, breaks, colors } = style.metadata['carbongrid:legend'];
  const bar = h('div', { className: 'bar', role: 'img', 'aria-label': breaks.join(', ') }, colors.map(swatch));
  const ticks = h('div', { className: 'ticks', 'aria-hidden': 'true' }, breaks.map((b, i) => tick(b, i, colors.length)));
  const chips = h('div', { className: 'chips' },
    h('span', {}, swatch(zero), text('legend_zero')), h('span', {}, swatch(noData), text('legend_no_data')));
  const sort = layer.id === GRID ? text('legend_level', { level: level(levelAt(inventory.levels, zoom)) }) : titleOf(layer);
  $('#legend').replaceChildren(
    h('figcaption', {}, h('b', {}, pick(style.metadata['carbongrid:title'])), ` ${pick(unit)}`, h('span', {}, sort)),
    bar, ticks, chips, ...(layer.id === 'roads' ? [h('p', { className: 'hint' }, text('legend_roads'))] : []),
    ...(zoom < layer.minzoom ? [farther(layer, reach)] : []));
}

/** Said where the view is too far away for a layer, with a way to come closer. */
function farther(layer, reach) {
  const button = h('button', { type: 'button' }, text('zoom_to'));
  button.addEventListener('click', reach);
  return h('p', { className: 'hint buttons', role: 'status' }, h('span', {}, text('too_far', { layer: titleOf(layer) })), button);
}

function tick(value, i, classes) {
  const mark = h('span', {}, number(value));
  mark.style.left = `${((i + 1) / classes) * 100}%`;
  return mark;
}

/** Licences and the synthetic banner of the inventories in view. */
export function notes(shown) {
  const synthetic = shown.filter(i => i.synthetic).map(i => pick(i.title));
  $('#synthetic').hidden = synthetic.length === 0;
  $('#synthetic').textContent = synthetic.length ? text('synthetic', { names: synthetic.join(', ') }) : '';
  const lines = shown.flatMap(i => i.licences.map(l => `${l.attribution} (${l.licence})`));
  $('#licences').textContent = [...new Set(lines)].join(' · ');
}

/** The table twin of what is in view; `choose` is called with the record of a pressed row. */
export function table(records, style, layer, choose) {
  const { property } = style.metadata['carbongrid:legend'];
  const head = [text(`record_${layer.kind}`), `${text('value')} (${text('unit')})`, `${text('density')} (${text('unit_density')})`];
  const row = record => {
    const pressed = h('button', { type: 'button' }, nameOf(record.layer, record.properties));
    pressed.addEventListener('click', () => choose(record));
    const perHectare = density(record.layer, record.properties, property);
    return h('tr', {}, h('td', {}, pressed), h('td', {}, number(record.properties[property], 1)), h('td', {}, number(perHectare, 2)));
  };
  const body = records.length
    ? h('table', {}, h('caption', {}, text('table_note')), h('thead', {}, h('tr', {}, head.map(t => h('th', { scope: 'col' }, t)))), h('tbody', {}, records.map(row)))
    : h('p', {}, text('table_empty'));
  $('#table > div').replaceChildren(body);
}

/** Links to the data behind the page. */
export function links(url) {
  const entry = ([key, path]) => h('a', { href: url(path) }, text(key));
  $('#links').replaceChildren(...[['all_data', 'collections'], ['api', 'openapi'], ['page_json', 'map?f=json']].map(entry));
}

/** One clear line instead of a blank screen. */
export function message(...lines) {
  $('#message').hidden = false;
  $('#message').replaceChildren(...lines.map(line => h('span', {}, line)));
}
