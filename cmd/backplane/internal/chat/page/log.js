"use strict";

// The messages: one log for everyone and one for each room, and the scrolled area that shows one of them.

const MAX_MESSAGES = 300; // of a log; older ones are removed

const GROUPED = 120_000; // ms within which messages of one person share a heading

/** Log has the messages of one room. */
class Log {
  constructor(room) {
    this.room = room;
    this.unread = 0;
    this.list = h("ol", {});
    this.element = h("div", { role: "log", "aria-label": room || "Everyone", hidden: true }, this.list);
    $("logs").append(this.element);
  }

  /** add appends a message with its heading and returns its row. */
  add({ from, node, at, mine }, ...content) {
    const last = this.last;
    const same = last && last.from === from && last.node === node.uid && at - last.at < GROUPED;
    this.last = { from, node: node.uid, at };
    return this.append(h("li", { "data-color": node.color, class: (mine ? "mine" : "theirs") + (same ? " same" : "") },
      h("p", { class: "by" }, h("b", {}, mine ? "You" : user(from)), h("span", { class: "tag" }, user(node.name)),
        h("time", { datetime: new Date(at).toISOString() }, clock(at))),
      ...content));
  }

  append(row) {
    this.list.querySelector(".empty")?.remove();
    this.list.append(row);
    while (this.list.children.length > MAX_MESSAGES) this.remove(this.list.firstElementChild);
    return row;
  }

  remove(row) {
    for (const img of row.querySelectorAll("img")) URL.revokeObjectURL(img.src);
    row.remove();
  }

  /** invite shows a hint in an empty log. */
  invite(...words) {
    if (this.list.children.length && !this.list.querySelector(".empty")) return;
    replace(this.list, h("li", { class: "empty" }, h("p", {}, ...words)));
  }
}

const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/**
 * Viewport is the scrolled area around the logs. It follows the newest message. After the user has scrolled up it stays
 * where it is, and a button counts the messages that have arrived below.
 */
class Viewport {
  constructor() {
    this.box = $("logs");
    this.atEnd = true;
    this.missed = 0;
    this.box.addEventListener("scroll", () => this.scrolled());
    this.box.addEventListener("load", () => this.follow(), true); // a loaded picture makes the log longer
    new ResizeObserver(() => this.resized()).observe(this.box); // when a form or a keyboard opens
    $("newer").addEventListener("click", () => {
      this.end();
      this.box.focus(); // the button disappears
    });
  }

  resized() {
    this.height = this.box.clientHeight;
    this.follow();
  }

  scrolled() {
    if (this.box.clientHeight !== this.height) return; // the event is late, and resized comes next
    this.atEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 40;
    if (this.atEnd) this.missed = 0;
    this.render();
  }

  /** added is called when the visible log has become longer. */
  added(mine) {
    if (mine || this.atEnd) return this.end();
    this.missed++;
    this.render();
  }

  follow() {
    if (this.atEnd) this.end();
  }

  /** end scrolls to the newest message. */
  end() {
    this.box.scrollTop = this.box.scrollHeight;
    this.atEnd = true;
    this.missed = 0;
    this.render();
  }

  render() {
    $("newer").hidden = !this.missed;
    if (this.missed) $("newer").textContent = `${plural(this.missed, "new message")} ↓`;
  }
}

/** Typing shows who is typing. It forgets a person after a while without a "typing" event. */
class Typing {
  constructor() {
    this.all = new Map();
    this.room = "";
  }

  seen({ from, room }) {
    this.remove({ from, room });
    const timer = setTimeout(() => this.remove({ from, room }), 2600);
    this.all.set(this.key({ from, room }), { from, room: room ?? "", timer });
    this.render();
  }

  remove({ from, room }) {
    clearTimeout(this.all.get(this.key({ from, room }))?.timer);
    if (this.all.delete(this.key({ from, room }))) this.render();
  }

  key({ from, room }) { return JSON.stringify([room ?? "", from]); }

  show(room) {
    this.room = room;
    this.render();
  }

  render() {
    const names = [...this.all.values()].filter((t) => t.room === this.room).map((t) => user(t.from));
    const who = names.length > 2 ? [`${names.length} people`] : join(names, " and ");
    replace($("typing"), ...(names.length
      ? [h("i", {}), h("i", {}), h("i", {}), " ", ...who, names.length === 1 ? " is typing" : " are typing"] : []));
  }
}
