"use strict";

// The strip: the cluster as a line with a station for each node, and arcs for what goes from node to node.

const FORGET = 45_000; // ms after which a node that has gone is no longer shown

/** Strip draws the nodes. */
class Strip {
  constructor() {
    this.nodes = new Map(); // by uid: what the server said, its station, when it was last there
    this.arcs = new Map(); // by "from to"
    this.rates = Array(60).fill(0);
    new ResizeObserver(() => this.place()).observe($("line"));
    setInterval(() => this.tick(), 1000);
    this.tick();
  }

  /** node is a node of this uid, also one that has gone. */
  node(uid) { return this.nodes.get(uid) ?? { uid, name: uid.slice(0, 6), hue: 0 }; }

  /** show takes what the server says about the cluster. */
  show({ uid, nodes, bus }) {
    this.own = uid;
    this.bus = bus;
    const there = new Set(nodes.map((n) => n.uid));
    const names = new Set(nodes.map((n) => n.name));
    for (const n of nodes) {
      const known = this.nodes.get(n.uid);
      this.nodes.set(n.uid, { ...known, ...n, name: n.name || n.uid.slice(0, 6), seen: Date.now(), gone: false });
    }
    for (const [id, n] of this.nodes) {
      if (there.has(id)) continue;
      n.gone = true;
      // A node that has come back has another uid.
      if (names.has(n.name) || Date.now() - n.seen > FORGET) this.remove(id);
    }
    this.render();
  }

  remove(uid) {
    this.nodes.get(uid).station?.remove();
    this.nodes.delete(uid);
  }

  /** lost is when the page's own node is out of reach: who else is there is not known any more. */
  lost() {
    const own = this.nodes.get(this.own);
    if (own) own.gone = true;
    this.render();
  }

  sorted() {
    return [...this.nodes.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || (a.uid < b.uid ? -1 : 1));
  }

  render() {
    const nodes = this.sorted();
    colour(nodes);
    const list = $("stations");
    nodes.forEach((n, i) => {
      n.station ??= h("li", {}, h("a", { target: "_blank", rel: "noopener" }, h("i", {}), h("b", {}), h("small", {})));
      n.station.dataset.hue = n.hue;
      if (list.children[i] !== n.station) list.insertBefore(n.station, list.children[i] ?? null);
      const own = n.uid === this.own;
      n.station.classList.toggle("own", own);
      n.station.classList.toggle("gone", n.gone);
      n.station.querySelector("b").textContent = n.name;
      n.station.querySelector("small").replaceChildren(...(n.gone ? ["gone"]
        : [plural(n.sockets, "client"), h("span", {}, n.rate > 0 ? ` · ${speed(n.rate)}/s` : "")]));
      const a = n.station.querySelector("a");
      const href = own || n.gone ? undefined : link(n);
      if (href) a.href = href;
      else a.removeAttribute("href");
      a.title = `${n.gone ? "gone" : own ? "this page's node" : href ? "open its page" : "a node of the cluster"}, uid ${n.uid}`;
      if (own) a.setAttribute("aria-current", "true");
    });
    const live = nodes.filter((n) => !n.gone);
    const clients = live.reduce((sum, n) => sum + n.sockets, 0);
    $("summary").replaceChildren(...(live.length
      ? [`${plural(live.length, "node")}, ${plural(clients, "client")}`, h("span", {}, `, over ${this.bus}`)] : ["out of reach"]));
    this.place();
  }

  /** place notes where the stations are on the drawing. Where they have moved, arcs would end beside them. */
  place() {
    const box = $("line").getBoundingClientRect();
    let moved = false;
    for (const n of this.nodes.values()) {
      const dot = n.station?.querySelector("i").getBoundingClientRect();
      if (!dot) continue;
      const [x, y] = [dot.x + dot.width / 2 - box.x, dot.y + dot.height / 2 - box.y];
      moved ||= Math.abs(x - n.x) > 1 || Math.abs(y - n.y) > 1;
      Object.assign(n, { x, y });
    }
    $("arcs").setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    if (!moved) return;
    $("arcs").replaceChildren();
    this.arcs.clear();
  }

  /** flow draws deliveries: to one node, so many messages from each of others. */
  flow({ to, from }) {
    const target = this.nodes.get(to);
    if (!target || target.gone) return;
    const senders = Object.keys(from).map((uid) => this.nodes.get(uid)).filter(Boolean);
    for (const sender of senders) {
      if (sender === target) this.ring(target);
      else this.arc(sender, target);
    }
    this.tell(senders, target);
  }

  arc(a, b) {
    const key = `${a.uid} ${b.uid}`;
    this.arcs.get(key)?.remove();
    // The farther, the higher; and not the same way back as there.
    const part = Math.abs(b.x - a.x) / $("line").clientWidth;
    const height = (a.y - 8) * Math.min(1, (b.x > a.x ? 0.4 : 0.3) + part * 0.9) * (4 / 3);
    const lean = (b.x - a.x) * 0.16;
    const d = `M${a.x} ${a.y}C${a.x + lean} ${a.y - height} ${b.x - lean} ${b.y - height} ${b.x} ${b.y}`;
    const g = s("g", { "data-hue": a.hue });
    const path = s("path", { d, pathLength: 1 });
    g.append(path);
    $("arcs").append(g);
    this.arcs.set(key, g);
    // Nothing is drawn anew as long as nothing changes.
    const fade = g.animate([{ opacity: 1 }, { opacity: 0 }], { delay: 2400, duration: stillness.matches ? 1 : 1600, fill: "both" });
    fade.onfinish = () => {
      g.remove();
      if (this.arcs.get(key) === g) this.arcs.delete(key);
    };
    if (stillness.matches) return;
    path.animate([{ strokeDasharray: "0 1" }, { strokeDasharray: "1 0" }], { duration: 520, easing: "cubic-bezier(.4,0,.2,1)" });
    const dot = s("circle", { r: 4 });
    dot.style.offsetPath = `path("${d}")`;
    g.append(dot);
    dot.animate([{ offsetDistance: "0%" }, { offsetDistance: "100%" }], { duration: 520, easing: "cubic-bezier(.4,0,.2,1)" })
      .onfinish = () => { dot.remove(); this.ring(b, a); };
  }

  /** ring shows that something has arrived at a node. */
  ring(at, from = at) {
    const c = s("circle", { cx: at.x, cy: at.y, r: 9, class: "ring", "data-hue": from.hue });
    $("arcs").append(c);
    const [steps, timing] = stillness.matches ? [[{ opacity: 0.6 }, { opacity: 0 }], { delay: 700, duration: 1, fill: "both" }]
      : [[{ r: "9px", opacity: 0.8 }, { r: "22px", opacity: 0 }], { duration: 700, easing: "ease-out" }];
    c.animate(steps, timing).onfinish = () => c.remove();
  }

  /** tell says the same in words. Deliveries that come together are one line. */
  tell(senders, target) {
    const now = Date.now();
    for (const { name } of senders) {
      if (this.told?.from !== name || now - this.told.at > 400) this.told = { from: name, at: now, to: new Set() };
      this.told.to.add(target.name);
      $("last").textContent = `${name} → ${[...this.told.to].sort().join(", ")}`;
    }
  }

  tick() {
    const rate = [...this.nodes.values()].reduce((sum, n) => sum + (n.gone ? 0 : n.rate ?? 0), 0);
    this.rates = [...this.rates.slice(1), rate];
    $("rate").textContent = speed(rate);
    const top = Math.max(4, ...this.rates);
    const points = this.rates.map((r, i) => `${(i * (120 / 59)).toFixed(1)},${(26.5 - (24 * r) / top).toFixed(1)}`);
    $("spark").firstElementChild.setAttribute("points", points.join(" "));
  }
}

/** speed writes messages per second. */
const speed = (n) => (n >= 9.95 || n === 0 ? Math.round(n).toLocaleString("en") : n.toFixed(1));
