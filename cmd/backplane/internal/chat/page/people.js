"use strict";

// The lists beside the chat: who is on which node, and the rooms. Both come from fetchSockets on the server.

const byName = (a, b) => a.localeCompare(b, "en");

/** People has the clients of the cluster and shows them by node. */
class People {
  constructor(chat) {
    this.chat = chat;
    this.sockets = [];
    this.more = 0; // clients that the server has counted and not listed
  }

  show({ sockets, more }) {
    this.sockets = sockets;
    this.more = more;
    this.render();
  }

  /** count returns the number of clients in a room; "" is everyone. */
  count(room) {
    return room === "" ? this.sockets.length + this.more : this.sockets.filter((s) => s.rooms.includes(room)).length;
  }

  nodesOf(room) {
    return new Set(this.sockets.filter((s) => room === "" || s.rooms.includes(room)).map((s) => s.node)).size;
  }

  render() {
    const { diagram, room } = this.chat;
    const nodes = diagram.sorted().filter((n) => !n.gone);
    const groups = nodes.map((n) => this.group(n, n.uid === diagram.own));
    if (this.more) groups.push(h("p", { class: "nobody" }, `and ${this.more.toLocaleString("en")} more`));
    replace($("nodes"), ...groups);
    this.renderRooms();
    $("audience").textContent = `${plural(this.count(room), "client")} on ${plural(this.nodesOf(room), "node")}`;
  }

  group(node, own) {
    const all = this.sockets.filter((s) => s.node === node.uid).sort((a, b) => byName(a.name, b.name));
    return h("section", { "data-color": node.color },
      h("h3", {}, h("i", {}), user(node.name), own && h("span", { class: "tag" }, "this page")),
      all.length ? h("ul", {}, ...all.map((s) => this.person(s))) : h("p", { class: "nobody" }, "nobody"));
  }

  person({ id, name, rooms }) {
    const own = id === this.chat.socket.id;
    return h("li", { class: own ? "own" : undefined }, h("span", {}, user(name), own && " (you)"),
      ...rooms.slice(0, 4).map((r) => user(r, { class: "chip" })));
  }

  renderRooms() {
    const { logs, room: current } = this.chat;
    const names = new Set(["", ...this.sockets.flatMap((s) => s.rooms), ...logs.keys()]);
    const keys = [...names].sort(byName);
    reconcile($("rooms"), keys, (room) => this.roomButton(room)).forEach((li, i) => {
      const log = logs.get(keys[i]);
      const button = li.firstElementChild;
      const [, unread, count] = button.children;
      button.classList.toggle("in", Boolean(log));
      button.title = log ? "" : "join";
      if (keys[i] === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      unread.hidden = !log?.unread;
      count.hidden = !unread.hidden;
      unread.firstChild.data = log?.unread ?? 0;
      count.firstChild.data = this.count(keys[i]);
    });
  }

  roomButton(room) {
    const number = (tag, unit) => h(tag, { class: "count" }, "0", h("span", { class: "visually-hidden" }, unit));
    return h("li", {}, h("button", { type: "button", onclick: () => this.chat.enter(room) },
      room === "" ? h("span", { class: "name" }, "Everyone") : user(room, { class: "name" }),
      number("b", " unread"), number("span", " clients")));
  }
}
