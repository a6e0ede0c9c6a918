// SPDX-License-Identifier: Apache-2.0

/** An element with properties (`data-*` and `aria-*` as attributes) and children; text is never parsed as HTML. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (/-/.test(key)) node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined));
  return node;
}

/** A colour chip. */
export function swatch(color) {
  const chip = h('i', { className: 'swatch', 'aria-hidden': 'true' });
  chip.style.background = color;
  return chip;
}
