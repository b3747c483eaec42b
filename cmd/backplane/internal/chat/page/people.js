"use strict";

// Who is on which node, and the rooms, as the server's fetchSockets tells.

/** People is the list of clients by node, and of rooms. */
class People {
  constructor(chat) {
    this.chat = chat;
    this.sockets = [];
    this.more = 0;
  }

  show({ sockets, more }) {
    this.sockets = sockets;
    this.more = more;
    this.render();
  }

  /** in counts the clients in a room, "" being everyone. */
  in(room) {
    return room === "" ? this.sockets.length + this.more : this.sockets.filter((s) => s.rooms.includes(room)).length;
  }

  render() {
    const { strip, socket, logs, room } = this.chat;
    const groups = strip.sorted().filter((n) => !n.gone).map((n) => {
      const all = this.sockets.filter((s) => s.node === n.uid).sort((a, b) => a.name.localeCompare(b.name, "en"));
      const own = n.uid === strip.own;
      return h("section", { "data-hue": n.hue },
        h("h3", {}, h("i", {}), n.name, own && h("span", { class: "tag" }, "this page")),
        all.length ? h("ul", {}, ...all.map((s) => this.person(s, s.id === socket.id))) : h("p", { class: "nobody" }, "nobody"));
    });
    if (this.more) groups.push(h("p", { class: "nobody" }, `and ${this.more.toLocaleString("en")} more`));
    $("nodes").replaceChildren(...groups);

    const rooms = new Map([["", this.in("")]]);
    for (const s of this.sockets) for (const r of s.rooms) rooms.set(r, (rooms.get(r) ?? 0) + 1);
    for (const r of logs.keys()) if (!rooms.has(r)) rooms.set(r, 0);
    const names = [...rooms.keys()].sort((a, b) => a.localeCompare(b, "en"));
    $("rooms").replaceChildren(...names.map((r) => this.room(r, rooms.get(r), logs.get(r), r === room)));
    $("audience").textContent = `${plural(this.in(room), "client")} on ${plural(this.nodesOf(room), "node")}`;
  }

  nodesOf(room) {
    return new Set(this.sockets.filter((s) => room === "" || s.rooms.includes(room)).map((s) => s.node)).size;
  }

  person({ name, rooms }, own) {
    return h("li", { class: own ? "own" : undefined }, h("span", {}, own ? `${name} (you)` : name),
      ...rooms.slice(0, 4).map((r) => h("span", { class: "chip" }, r)));
  }

  room(name, count, log, current) {
    return h("li", {}, h("button", { type: "button", "aria-current": current && "true", class: log ? "in" : undefined,
      title: log ? undefined : "join", onclick: () => this.chat.enter(name) },
      h("span", { class: "name" }, name === "" ? "Everyone" : name),
      log?.unread ? h("b", { "aria-label": `${log.unread} unread` }, String(log.unread)) : h("span", { class: "count", "aria-label": plural(count, "client") }, String(count))));
  }
}
