// SPDX-License-Identifier: Apache-2.0
// The card of one cell: its value with the 95 % interval, every sector, how far it can be trusted, the API call.

import * as api from './api.js';
import { h, swatch } from './dom.js';
import { area, level, number, pick, text } from './i18n.js';
import { color, density, levelOf } from './ramp.js';

const FIGURES = ['emission_buildings', 'emission_transport', 'emission_total', 'absorption_forest', 'net'];
const node = () => document.querySelector('#card');
const known = value => value !== null && value !== undefined;
const withUnit = (value, unit) => h('span', {}, h('b', {}, number(value)), ` ${text(unit)}`);

/** The invitation shown while no cell is chosen. */
export const empty = () => node().replaceChildren(h('p', { className: 'hint' }, text('hint')));

/** An error in place of a card. */
export const failed = reason => node().replaceChildren(h('p', { className: 'hint' }, text('error_item', { reason })));

/** Show a record; `path` is null where the API has no such cell, `close` is called by the button. */
export function show({ inventory, cell, year, properties, path }, legend, close) {
  const size = levelOf(cell);
  announce(`${shortId(cell)} ${text(legend.property)} ${known(properties[legend.property]) ? `${number(properties[legend.property])} ${text('unit')}` : text('no_value')}`);
  const button = h('button', { type: 'button', className: 'close', title: text('close'), 'aria-label': text('close') }, '×');
  button.addEventListener('click', close);
  node().replaceChildren(
    h('header', {}, h('h2', {}, properties.kr_code ?? shortId(cell)), h('p', {}, `${pick(inventory.title)} ${year} · ${level(size)}`), button),
    headline(properties, legend, size),
    figures(properties, legend.property),
    facts(properties, cell, size),
    path ? request(path) : h('p', { className: 'hint' }, text('aggregate')));
}

/** Show the totals of a region: the chosen figure with its interval, all figures, how far they can be trusted, files. */
export function estimate(into, totals, property, files, more) {
  const [{ year, kg, quality }] = totals.years;
  const tonnes = Object.fromEntries(Object.entries(kg).map(([name, value]) => [name, known(value) ? value / 1000 : null]));
  const value = tonnes[property];
  const shown = known(value) ? `${number(value)} ${text('unit')}` : text('no_value');
  announce(`${text('region')} ${text(property)} ${shown}`);
  into.replaceChildren(
    h('header', {}, h('h2', {}, text('region_result')), h('p', {}, `${totals.inventory} ${year}`)),
    h('div', { className: 'headline' },
      h('p', {}, text(property)),
      h('p', { className: 'figure', 'data-kg': String(kg[property]) }, known(value) ? withUnit(value, 'unit') : text('no_value')),
      h('p', { className: 'interval' }, known(value) ? interval(value, tonnes[`${property}_u95`]) : null),
      h('p', { className: 'density' }, known(value) ? `${number((value / totals.area_m2) * 1e4)} ${text('unit_density')}` : null)),
    figures(tonnes, property),
    facts({ ...totals, quality }),
    h('p', { className: 'request' }, text('downloads'), ...files.flatMap(file => [' · ', output(...file)])),
    h('p', { className: 'buttons' }, more));
}

/** The report is read in a page of its own, everything else is a file. */
const output = (name, path) => h('a', {
  href: api.url(path), ...(name === 'report' ? { target: '_blank', rel: 'noopener' } : { download: `${name}.json` }),
}, name === 'report' ? text('region_report') : name);

// One line for screen readers; the card itself is read at will.
const announce = line => { document.querySelector('#announce').textContent = line; };
const shortId = cell => cell.replace(/^CRS\d+RES\d+m/, '');

/** The chosen sector's value, its interval and its density with the colour it has on the map. */
function headline(properties, legend, size) {
  const value = properties[legend.property] ?? null;
  const perHectare = density(value, size);
  const chip = swatch(color(legend, perHectare));
  if (value === null) return h('div', { className: 'headline' }, h('p', { className: 'figure' }, chip, text('no_value')));
  return h('div', { className: 'headline' },
    h('p', {}, text(legend.property)),
    h('p', { className: 'figure', 'data-value': value }, chip, withUnit(value, 'unit')),
    h('p', { className: 'interval' }, interval(value, properties[`${legend.property}_u95`])),
    h('p', { className: 'density' }, `${number(perHectare)} ${text('unit_density')}`));
}

const interval = (value, u95) => (known(u95)
  ? `${text('interval', { low: number(value - u95), high: number(value + u95) })} (±\u00a0${number(u95)})`
  : text('interval_none'));

/** All figures as bars of one scale; what is unknown says so. */
function figures(properties, chosen) {
  const largest = Math.max(...FIGURES.map(f => Math.abs(properties[f] ?? 0)));
  const row = name => {
    const value = properties[name];
    const bar = h('i', { className: `amount ${name}`, 'aria-hidden': 'true' });
    bar.style.width = known(value) && largest ? `${(Math.abs(value) / largest) * 100}%` : '0';
    const u95 = properties[`${name}_u95`];
    const shown = known(value) ? number(value, 1) + (known(u95) ? ` ± ${number(u95, 1)}` : '') : text('no_value');
    return h('tr', { className: name === chosen ? 'chosen' : '' }, h('th', { scope: 'row' }, text(name)), h('td', {}, bar), h('td', {}, shown));
  };
  return h('table', { className: 'figures' }, h('caption', {}, text('unit')), h('tbody', {}, FIGURES.map(row)));
}

function facts(properties, cell, size) {
  const { status, missing, quality, area_m2: m2 } = properties;
  const rows = [
    ['status', status && text(`status_${status}`)],
    ['missing', missing && missing.split(',').map(s => text(`sector_${s}`)).join(', ')],
    ['quality', known(quality) ? String(quality) : null],
    ['area', known(m2) ? area(m2) : null],
    ['level', size && level(size)],
    ['cell_id', cell],
  ].filter(([, value]) => value);
  return h('dl', {}, rows.flatMap(([key, value]) => [h('dt', {}, text(key)), h('dd', { 'data-fact': key }, value)]));
}

const request = path => h('p', { className: 'request' },
  text('request'), ' ', h('a', { href: api.url(path) }, `GET /${path}`), ' · ', h('a', { href: api.url(`${path}?f=json`) }, text('as_json')));
