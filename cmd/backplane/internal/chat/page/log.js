"use strict";

// The messages: one log for everyone and one for each room.

const KEPT = 300; // messages of a log

/** Log is what was said in one room. */
class Log {
  constructor(room) {
    this.room = room;
    this.unread = 0;
    this.list = h("ol", { role: "log", "aria-live": "polite", hidden: true });
    $("logs").append(this.list);
  }

  /** add appends what somebody sent. */
  add({ from, node, at, mine }, ...content) {
    const box = $("logs");
    const follow = mine || box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    const last = this.last;
    const same = last && last.from === from && last.node === node.uid && at - last.at < 120_000;
    this.last = { from, node: node.uid, at };
    const row = h("li", { "data-hue": node.hue, class: (mine ? "mine" : "theirs") + (same ? " same" : "") },
      h("p", { class: "by" }, h("b", {}, mine ? "You" : from), h("span", { class: "tag" }, node.name),
        h("time", { datetime: new Date(at).toISOString() }, clock(at))),
      ...content);
    this.list.append(row);
    while (this.list.children.length > KEPT) this.drop(this.list.firstElementChild);
    if (follow && !this.list.hidden) this.end();
    return row;
  }

  drop(row) {
    for (const img of row.querySelectorAll("img")) URL.revokeObjectURL(img.src);
    row.remove();
  }

  /** end scrolls to what is newest. */
  end() { $("logs").scrollTop = $("logs").scrollHeight; }

  show(visible) {
    this.list.hidden = !visible;
    if (!visible) return;
    this.unread = 0;
    this.end();
  }
}

const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Typists says who is typing, for as long as they are. */
class Typists {
  constructor() { this.all = new Map(); }

  seen({ from, room }) {
    const key = JSON.stringify([room ?? "", from]);
    clearTimeout(this.all.get(key)?.timer);
    this.all.set(key, { from, room: room ?? "", timer: setTimeout(() => this.forget({ from, room }), 2600) });
    this.render();
  }

  forget({ from, room }) {
    const key = JSON.stringify([room ?? "", from]);
    clearTimeout(this.all.get(key)?.timer);
    if (this.all.delete(key)) this.render();
  }

  show(room) {
    this.room = room;
    this.render();
  }

  render() {
    const names = [...this.all.values()].filter((t) => t.room === (this.room ?? "")).map((t) => t.from);
    const who = names.length > 2 ? `${names.length} people are` : names.join(" and ") + (names.length === 1 ? " is" : " are");
    $("typing").replaceChildren(...(names.length ? [h("i", {}), h("i", {}), h("i", {}), ` ${who} typing`] : []));
  }
}
