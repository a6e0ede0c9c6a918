// SPDX-License-Identifier: Apache-2.0
// Words and numbers in the reader's language. Texts lie in ../locale/{language}.json.

export const LANGUAGES = { ko: '한국어', en: 'English' };
let texts = {};
let language = 'ko';

/** The wanted language if we have it, else the browser's, else Korean. */
export const choose = wanted =>
  [wanted, ...navigator.languages.map(tag => tag.split('-')[0])].find(tag => tag in LANGUAGES) ?? 'ko';

/** Load a language and write it into the page's static texts. */
export async function load(chosen) {
  language = chosen;
  texts = await (await fetch(new URL(`../locale/${chosen}.json`, import.meta.url))).json();
  document.documentElement.lang = chosen;
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll('[data-label]')) node.ariaLabel = text(node.dataset.label);
}

/** The text of a key, its {names} filled in. */
export const text = (key, values = {}) =>
  (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** One of {ko, en}. */
export const pick = words => words[language] ?? words.en ?? Object.values(words)[0];

/** A number for reading. Tonnes have kilograms: three decimals at most. */
export const number = (value, digits = 3) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value).replace('-', '−');

/** Square metres, or square kilometres where that reads better. */
export const area = m2 => (m2 < 1e5 ? `${number(m2, 0)} m²` : `${number(m2 / 1e6, 3)} km²`);

/** `100m` -> `100 m`. */
export const level = short => short.replace(/(\d+)(k?m)/, '$1 $2');
