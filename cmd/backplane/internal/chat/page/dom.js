"use strict";

// What the rest of the page builds on. What strangers wrote only ever becomes text, never markup.

const $ = (id) => document.getElementById(id);

/** h makes an element: attributes and properties by name, on… as listeners, children as elements or text. */
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

/** s makes an element of a drawing. */
function s(tag, attributes) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

/** plural writes a number and a noun. */
const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

const stillness = matchMedia("(prefers-reduced-motion: reduce)");

const HUES = 6;

/** colour gives each node one of the colours, by its port, so that every page chooses the same; and no two the same, as
 * long as there are enough. */
function colour(nodes) {
  const used = new Set();
  for (const n of nodes) {
    const port = Number(/(\d+)$/.exec(n.name)?.[1]) || [...n.uid].reduce((sum, c) => sum + c.charCodeAt(0), 0);
    n.hue = port % HUES;
    while (used.has(n.hue) && used.size < HUES) n.hue = (n.hue + 1) % HUES;
    used.add(n.hue);
  }
}

/** link is where a node's own page is, or undefined. A node that says it is on this machine is on the page's. */
function link(node) {
  try {
    const url = new URL(node.url);
    if (!/^https?:$/.test(url.protocol)) return undefined;
    if (["127.0.0.1", "0.0.0.0", "[::]", "[::1]", "localhost"].includes(url.hostname)) url.hostname = location.hostname;
    return url.href;
  } catch {
    return undefined;
  }
}
