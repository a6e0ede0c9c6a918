// SPDX-License-Identifier: Apache-2.0
// The card of one record: its value with the 95 % interval, every sector, how far it can be trusted, its years, where it is from.

import * as api from './api.js';
import * as trend from './trend.js';
import { h, swatch } from './dom.js';
import { area, level, number, pick, text } from './i18n.js';
import { density, nameOf, sortOf } from './layers.js';
import { color } from './ramp.js';

const FIGURES = ['emission_buildings', 'emission_transport', 'emission_total', 'absorption_forest', 'net'];
/** Properties that the card says in its own way, or that say nothing new. */
const SAID = /^(unit_name|unit_level|kr_code|year|time_.*|area_m2|quality|status|missing|synthetic|.*_u95|.*_per_ha)$/;
const node = () => document.querySelector('#card');
const known = value => value !== null && value !== undefined;
const withUnit = (value, unit) => h('span', {}, h('b', {}, number(value)), ` ${text(unit)}`);

/** The invitation shown while no record is chosen. */
export const empty = () => node().replaceChildren(h('p', { className: 'hint' }, text('hint')));

/** An error in place of a card. */
export const failed = reason => node().replaceChildren(h('p', { className: 'hint' }, text('error_item', { reason })));

/** Show a record; `paths` is null where the API has no such record, `close` is called by the button. */
export function show({ inventory, layer, code, year, properties, paths }, legend, close) {
  const value = known(properties[legend.property]) ? `${number(properties[legend.property])} ${text('unit')}` : text('no_value');
  const name = nameOf(layer, properties);
  announce(`${name} ${text(legend.property)} ${value}`);
  const button = h('button', { type: 'button', className: 'close', title: text('close'), 'aria-label': text('close') }, '×');
  button.addEventListener('click', close);
  node().replaceChildren(
    h('header', {}, h('h2', {}, name), h('p', {}, `${pick(inventory.title)} ${year} · ${sortOf(layer, code)}`), button),
    headline(layer, properties, legend),
    figures(properties, legend.property),
    h('div', { className: 'years' }),
    facts({ ...properties, [layer.code]: null }, [text(`code_${layer.kind}`), code], sortOf(layer, code)),
    paths ? links(paths) : h('p', { className: 'hint' }, text('aggregate')));
}

/** Add the years of the record that is shown. */
export function years(rows, property) {
  const chart = trend.figure(rows, text(property));
  node().querySelector('.years')?.replaceChildren(...(chart ? [chart] : []));
}

/** Add what else is known of the record, in the words of its collection's schema. */
export function details(properties, schema) {
  const told = Object.entries(properties).filter(([name, value]) => known(value) && !SAID.test(name) && !FIGURES.includes(name) && schema[name]);
  const rows = told.flatMap(([name, value]) => [h('dt', {}, schema[name].title), h('dd', { 'data-fact': name }, worded(value, schema[name]))]);
  node().querySelector('dl')?.append(...rows);
}

const UNITS = { 't{CO2e}/a': 'unit', m2: 'm²', 'kW.h': 'kWh', '{vehicles}/d': 'unit_vehicles', 1: '' };

function worded(value, { 'x-ogc-unit': unit, type }) {
  if (typeof value === 'boolean') return text(value ? 'yes' : 'no');
  if (typeof value !== 'number') return String(value);
  const plain = type === 'integer' && !unit ? String(value) : number(value);
  return unit ? `${plain} ${text(UNITS[unit] ?? unit)}`.trim() : plain;
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

/** The chosen sector's value, its interval and its density with the colour it has on the map. */
function headline(layer, properties, legend) {
  const value = properties[legend.property] ?? null;
  const perHectare = density(layer, properties, legend.property);
  const chip = swatch(color(legend, perHectare));
  if (value === null) return h('div', { className: 'headline' }, h('p', { className: 'figure' }, chip, text('no_value')));
  return h('div', { className: 'headline' },
    h('p', {}, text(legend.property)),
    h('p', { className: 'figure', 'data-value': value }, chip, withUnit(value, 'unit')),
    h('p', { className: 'interval' }, interval(value, properties[`${legend.property}_u95`])),
    h('p', { className: 'density' }, `${number(perHectare)} ${text(layer.id === 'roads' ? 'unit_density_roads' : 'unit_density')}`));
}

const interval = (value, u95) => (known(u95)
  ? `${text('interval', { low: number(value - u95), high: number(value + u95) })} (±\u00a0${number(u95)})`
  : text('interval_none'));

/** All figures as bars of one scale; what is unknown says so. A source has but one, which the headline says. */
function figures(properties, chosen) {
  const shown = FIGURES.filter(name => properties[name] !== undefined || 'net' in properties || 'net_u95' in properties);
  if (shown.length < 2) return null;
  const largest = Math.max(...shown.map(f => Math.abs(properties[f] ?? 0)));
  const row = name => {
    const value = properties[name];
    const bar = h('i', { className: `amount ${name}`, 'aria-hidden': 'true' });
    bar.style.width = known(value) && largest ? `${(Math.abs(value) / largest) * 100}%` : '0';
    const u95 = properties[`${name}_u95`];
    const words = known(value) ? number(value, 1) + (known(u95) ? ` ± ${number(u95, 1)}` : '') : text('no_value');
    return h('tr', { className: name === chosen ? 'chosen' : '' }, h('th', { scope: 'row' }, text(name)), h('td', {}, bar), h('td', {}, words));
  };
  return h('table', { className: 'figures' }, h('caption', {}, text('unit')), h('tbody', {}, shown.map(row)));
}

function facts(properties, [codeTitle, code] = [], sort = null) {
  const { status, missing, quality, area_m2: m2 } = properties;
  const rows = [
    ['status', text('status'), status && text(`status_${status}`)],
    ['missing', text('missing'), missing && missing.split(',').map(s => text(`sector_${s}`)).join(', ')],
    ['quality', text('quality'), known(quality) ? String(quality) : null],
    ['area', text('area'), known(m2) ? area(m2) : null],
    ['level', text('level'), /\d/.test(sort ?? '') ? level(sort) : null],
    ['code', codeTitle, code],
  ].filter(([, , value]) => value);
  return h('dl', {}, rows.flatMap(([key, title, value]) => [h('dt', {}, title), h('dd', { 'data-fact': key }, value)]));
}

/** Where the record is published, and what is said of its collection. */
const links = ({ item, about }) => h('p', { className: 'request' },
  text('request'), ' ', h('a', { href: api.url(item), 'data-link': 'item' }, `GET /${decodeURIComponent(item)}`), ' · ',
  h('a', { href: api.url(`${item}?f=json`), 'data-link': 'json' }, text('as_json')), ' · ',
  h('a', { href: api.url(`${about}?lang=${document.documentElement.lang}`), 'data-link': 'about' }, text('about')));
