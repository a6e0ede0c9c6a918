// SPDX-License-Identifier: Apache-2.0
// A figure of one record over the published years, as a small chart with its intervals and in words.

import * as api from './api.js';
import { h } from './dom.js';
import { number, text } from './i18n.js';

const WIDTH = 300;
const HEIGHT = 96;
const EDGE = { left: 34, right: 34, top: 26, bottom: 18 };
const NS = 'http://www.w3.org/2000/svg';

/** Years with value and half-width, ascending; `history` is the collection that holds them. */
export async function read(history, code, value, figure, halfWidth) {
  const properties = ['year', figure, ...(halfWidth ? [halfWidth] : [])].join(',');
  const query = new URLSearchParams({ [code]: value, properties, skipGeometry: 'true', limit: '100', f: 'json' });
  const { features } = await api.json(`collections/${history}/items?${query}`);
  const rows = features.map(({ properties: p }) => ({ year: p.year, value: p[figure], half: p[halfWidth] ?? 0 }));
  return rows.filter(row => row.value !== null && row.value !== undefined).sort((a, b) => a.year - b.year);
}

/** The chart, and the change from the first to the last year; null where there is nothing to compare. */
export function figure(rows, title) {
  if (rows.length < 2) return null;
  const [first, last] = [rows[0], rows.at(-1)];
  const change = last.value - first.value;
  const share = first.value ? ` (${signed((change / Math.abs(first.value)) * 100, 1)} %)` : '';
  const told = rows.map(row => `${row.year}: ${number(row.value)} ± ${number(row.half)}`).join('; ');
  return h('figure', { className: 'trend' },
    h('figcaption', {}, h('b', {}, text('trend')), ` ${title}, ${text('unit')}`),
    chart(rows, `${title}. ${told}`),
    h('p', { className: 'hint' }, text('trend_change', { from: first.year, to: last.year }), ` ${signed(change)} ${text('unit')}${share}`));
}

const signed = (value, digits) => (value > 0 ? '+' : '') + number(value, digits);

function chart(rows, label) {
  const ends = rows.flatMap(row => [row.value - row.half, row.value + row.half]);
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const x = year => EDGE.left + ((year - rows[0].year) / (rows.at(-1).year - rows[0].year)) * (WIDTH - EDGE.left - EDGE.right);
  const y = value => HEIGHT - EDGE.bottom - ((value - low) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const svg = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label });
  svg.append(
    draw('line', { class: 'axis', x1: 0, x2: WIDTH, y1: y(0), y2: y(0) }),
    ...rows.map(row => draw('line', { class: 'whisker', x1: x(row.year), x2: x(row.year), y1: y(row.value - row.half), y2: y(row.value + row.half) })),
    draw('polyline', { points: rows.map(row => `${x(row.year)},${y(row.value)}`).join(' ') }),
    ...rows.map(row => draw('circle', { cx: x(row.year), cy: y(row.value), r: 3.5 })),
    ...labelled(rows).map(row => say(x(row.year), Math.min(y(row.value), y(row.value + row.half)) - 6, number(row.value, 0))),
    ...labelled(rows).map(row => say(x(row.year), HEIGHT - 4, String(row.year))));
  return svg;
}

/** The rows that have room for words: all of a few, else the first and the last. */
const labelled = rows => (rows.length > 5 ? [rows[0], rows.at(-1)] : rows);

const say = (x, y, words) => {
  const node = draw('text', { x, y, 'text-anchor': 'middle' });
  node.textContent = words;
  return node;
};

function draw(tag, attributes) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
