"use strict";

// The diagram of the cluster: a line with a dot for each node, and arcs for the messages that go from node to node.

const FORGET = 45_000; // ms for which a node that has gone is still shown

/** Diagram has the nodes of the cluster and draws them. */
class Diagram {
  constructor() {
    this.nodes = new Map(); // by uid: what the server reports, when it was last seen, its element, and where its dot is
    this.arcs = new Map(); // by "sender receiver"
    this.rate = 0; // messages per second
    this.rates = Array(60).fill(0); // of the last minute
    new ResizeObserver(() => this.measure()).observe($("line"));
    setInterval(() => this.drawChart(), 1000);
    this.drawChart();
  }

  /** node returns the node with this uid, or a stand-in for one that is not known. */
  node(uid) { return this.nodes.get(uid) ?? { uid, name: uid.slice(0, 6), color: 0 }; }

  /** show updates the diagram with the server's report. */
  show({ uid, nodes, bus }) {
    this.own = uid;
    this.bus = bus;
    const present = new Set(nodes.map((n) => n.uid));
    const names = new Set(nodes.map((n) => n.name));
    for (const n of nodes) {
      const known = this.nodes.get(n.uid);
      this.nodes.set(n.uid, { ...known, ...n, name: n.name || n.uid.slice(0, 6), seen: Date.now(), gone: false });
    }
    for (const [id, n] of this.nodes) {
      if (present.has(id)) continue;
      n.gone = true;
      // A node that has restarted has another uid and the same name.
      if (names.has(n.name) || Date.now() - n.seen > FORGET) this.nodes.delete(id);
    }
    this.render();
  }

  /** disconnected is called when the page has lost its connection. From then on nothing is known about the nodes. */
  disconnected() {
    const own = this.nodes.get(this.own);
    if (own) own.gone = true;
    this.render();
  }

  sorted() {
    const order = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || (a.uid < b.uid ? -1 : 1);
    return [...this.nodes.values()].sort(order);
  }

  render() {
    const nodes = this.sorted();
    assignColors(nodes);
    const elements = reconcile($("diagram"), nodes.map((n) => n.uid), () =>
      h("li", {}, h("a", { target: "_blank", rel: "noopener" }, h("i", {}), h("b", { dir: "auto" }), h("small", {}))));
    nodes.forEach((n, i) => this.renderNode(n, (n.element = elements[i])));
    const offline = this.nodes.get(this.own)?.gone;
    const live = nodes.filter((n) => !n.gone);
    const clients = live.reduce((sum, n) => sum + n.sockets, 0);
    replace($("summary"), ...(offline ? ["offline"]
      : [`${plural(live.length, "node")}, ${plural(clients, "client")}`, h("span", {}, `, over ${this.bus}`)]));
    this.rate = offline ? 0 : live.reduce((sum, n) => sum + n.rate, 0);
    $("rate").textContent = Math.round(this.rate).toLocaleString("en");
    this.measure();
  }

  renderNode(n, element) {
    const own = n.uid === this.own;
    const href = own || n.gone ? undefined : pageOf(n);
    const a = element.firstElementChild;
    element.dataset.color = n.color;
    element.classList.toggle("own", own);
    element.classList.toggle("gone", n.gone);
    a.querySelector("b").textContent = n.name;
    a.querySelector("small").textContent = n.gone ? "gone" : plural(n.sockets, "client");
    const title = n.gone ? "gone" : own ? "this page's node" : href ? "open its page" : "a node of the cluster";
    a.title = `${title}, uid ${n.uid}`;
    if (href) a.href = href;
    else a.removeAttribute("href");
    if (own) a.setAttribute("aria-current", "true");
  }

  /** measure records where the dots are. If they have moved, it removes the arcs, which would end elsewhere. */
  measure() {
    const box = $("line").getBoundingClientRect();
    let moved = false;
    for (const n of this.nodes.values()) {
      const dot = n.element?.querySelector("i").getBoundingClientRect();
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

  /** drawDeliveries draws what one node has delivered: a number of messages from each of other nodes. */
  drawDeliveries({ to, from }) {
    const receiver = this.nodes.get(to);
    if (!receiver || receiver.gone) return;
    const senders = Object.keys(from).map((uid) => this.nodes.get(uid)).filter(Boolean);
    for (const sender of senders) {
      if (sender === receiver) this.ring(receiver);
      else this.arc(sender, receiver);
    }
    this.describe(senders, receiver);
  }

  arc(a, b) {
    const key = `${a.uid} ${b.uid}`;
    this.arcs.get(key)?.remove();
    // Arcs between distant nodes are higher. The arcs of the two directions differ in height.
    const distance = Math.abs(b.x - a.x) / $("line").clientWidth;
    const height = (a.y - 8) * Math.min(1, (b.x > a.x ? 0.4 : 0.3) + distance * 0.9) * (4 / 3);
    const lean = (b.x - a.x) * 0.16;
    const d = `M${a.x} ${a.y}C${a.x + lean} ${a.y - height} ${b.x - lean} ${b.y - height} ${b.x} ${b.y}`;
    const g = svg("g", { "data-color": a.color });
    const path = svg("path", { d, pathLength: 1 });
    g.append(path);
    $("arcs").append(g);
    this.arcs.set(key, g);
    // An animation with a delay: while the arc does not change, the browser draws nothing.
    const duration = reducedMotion.matches ? 1 : 1600;
    const fade = g.animate([{ opacity: 1 }, { opacity: 0 }], { delay: 2400, duration, fill: "both" });
    fade.onfinish = () => {
      g.remove();
      if (this.arcs.get(key) === g) this.arcs.delete(key);
    };
    if (reducedMotion.matches) return;
    const flight = { duration: 520, easing: "cubic-bezier(.4,0,.2,1)" };
    path.animate([{ strokeDasharray: "0 1" }, { strokeDasharray: "1 0" }], flight);
    const dot = svg("circle", { r: 4 });
    dot.style.offsetPath = `path("${d}")`;
    g.append(dot);
    dot.animate([{ offsetDistance: "0%" }, { offsetDistance: "100%" }], flight).onfinish = () => {
      dot.remove();
      this.ring(b, a);
    };
  }

  /** ring shows that something has arrived at a node. */
  ring(at, from = at) {
    const c = svg("circle", { cx: at.x, cy: at.y, r: 9, class: "ring", "data-color": from.color });
    $("arcs").append(c);
    const [steps, timing] = reducedMotion.matches
      ? [[{ opacity: 0.6 }, { opacity: 0 }], { delay: 700, duration: 1, fill: "both" }]
      : [[{ r: "9px", opacity: 0.8 }, { r: "22px", opacity: 0 }], { duration: 700, easing: "ease-out" }];
    c.animate(steps, timing).onfinish = () => c.remove();
  }

  /** describe describes deliveries in words. The deliveries of one message arrive one by one and share a line. */
  describe(senders, receiver) {
    const now = Date.now();
    for (const { name } of senders) {
      if (this.last?.from !== name || now - this.last.at > 400) this.last = { from: name, at: now, to: new Set() };
      this.last.to.add(receiver.name);
      replace($("last"), user(name), " → ", ...join([...this.last.to].sort().map((n) => user(n)), ", "));
    }
  }

  /** drawChart draws the rate of the last minute. */
  drawChart() {
    this.rates = [...this.rates.slice(1), this.rate];
    const top = Math.max(4, ...this.rates);
    const points = this.rates.map((r, i) => `${(i * (120 / 59)).toFixed(1)},${(26.5 - (24 * r) / top).toFixed(1)}`);
    $("chart").firstElementChild.setAttribute("points", points.join(" "));
  }
}
