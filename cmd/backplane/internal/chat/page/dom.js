"use strict";

// Helpers for the other files. What users wrote becomes text nodes, never markup.

const $ = (id) => document.getElementById(id);

/** h creates an element. Attributes that begin with "on" are event listeners. Children are elements or text. */
function h(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== undefined && c !== false));
  return e;
}

/** svg creates an SVG element. */
function svg(tag, attributes) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

/** user wraps text that a user wrote, so that its direction (Hebrew, Arabic) does not reorder the words around it. */
const user = (text, attributes) => h("bdi", attributes, text);

/** replace sets the children of an element, unless they are the same already: focus and presses survive. */
function replace(parent, ...children) {
  const next = h(parent.tagName, {}, ...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...next.childNodes);
}

/**
 * reconcile makes parent contain one element per key, in that order, and returns them. It keeps the elements that exist
 * already and does not move them as long as the order of the keys stays the same: focus and presses survive.
 */
function reconcile(parent, keys, create) {
  const wanted = new Set(keys);
  const known = new Map();
  for (const e of [...parent.children]) {
    if (wanted.has(e.dataset.key)) known.set(e.dataset.key, e);
    else e.remove();
  }
  return keys.map((key, i) => {
    const e = known.get(key) ?? create(key);
    e.dataset.key = key;
    if (parent.children[i] !== e) parent.insertBefore(e, parent.children[i] ?? null);
    return e;
  });
}

/** plural returns a number with its noun. */
const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** join puts separators between the items of a list. */
const join = (items, separator) => items.flatMap((item, i) => (i ? [separator, item] : [item]));

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const COLORS = 6;

/**
 * assignColors gives each node a color that depends on its port, so that all pages choose the same. Two nodes get the
 * same color only when there are more nodes than colors.
 */
function assignColors(nodes) {
  const used = new Set();
  for (const n of nodes) {
    const port = Number(/(\d+)$/.exec(n.name)?.[1]) || [...n.uid].reduce((sum, c) => sum + c.charCodeAt(0), 0);
    n.color = port % COLORS;
    while (used.has(n.color) && used.size < COLORS) n.color = (n.color + 1) % COLORS;
    used.add(n.color);
  }
}

/**
 * pageOf returns the URL of a node's page, or undefined. A node that reports a loopback address runs on the same host
 * as the node of this page, so it is reached by the host name of this page.
 */
function pageOf(node) {
  try {
    const url = new URL(node.url);
    if (!/^https?:$/.test(url.protocol)) return undefined;
    const loopback = ["127.0.0.1", "0.0.0.0", "[::]", "[::1]", "localhost"];
    if (loopback.includes(url.hostname)) url.hostname = location.hostname;
    return url.href;
  } catch {
    return undefined;
  }
}
