"use strict";

// What the user has sent and the server has not confirmed.

/**
 * Outbox shows each message as soon as it is sent, and removes it when the server sends it back, as it does to all
 * clients. A message that is written while offline waits for a connection. If the connection is lost while a message
 * is on its way, it is unknown whether the message has arrived: the user decides whether to send it again.
 */
class Outbox {
  constructor(chat) {
    this.chat = chat;
    this.entries = [];
  }

  /** send sends an event to the current room. what identifies the event when the server sends it back. */
  send(event, message, what, content) {
    const room = this.chat.room;
    const status = h("p", { class: "status" });
    const log = this.chat.log(room);
    const row = log.append(h("li", { class: "mine unsent" }, content, status));
    const entry = { event, message: { ...message, room: room || undefined }, room, what, log, row, status };
    this.entries.push(entry);
    this.chat.viewport.added(true);
    this.emit(entry);
  }

  async emit(entry) {
    const { socket } = this.chat;
    entry.waiting = !this.chat.online;
    entry.status.replaceChildren(entry.waiting ? "Not sent yet: it waits for the connection." : "Sending…");
    if (entry.waiting) return;
    let answer;
    try {
      answer = await socket.emitWithAck(entry.event, entry.message);
    } catch {
      return this.fail(entry, "The connection was lost. Perhaps this was not sent.");
    }
    if (answer?.error) {
      const arrived = !this.entries.includes(entry); // on this node, and not on the others
      return arrived ? this.chat.notice(answer.error, 5000) : this.fail(entry, `Not sent: ${answer.error}.`);
    }
    entry.row.classList.remove("unsent");
    entry.status.replaceChildren();
  }

  /** fail says why a message was not sent, and lets the user decide what to do with it. */
  fail(entry, reason) {
    if (!this.entries.includes(entry)) return; // the server has sent it back in the meantime
    const button = (text, onclick) => h("button", { type: "button", class: "quiet", onclick }, text);
    entry.status.replaceChildren(reason,
      button("Send again", () => this.emit(entry)), button("Discard", () => this.remove(entry)));
    this.chat.viewport.follow();
  }

  /** resume sends what has waited for the connection. */
  resume() {
    for (const entry of this.entries) if (entry.waiting) this.emit(entry);
  }

  /** confirm removes the oldest entry that equals a message from the server. It returns false if there is none. */
  confirm(room, what) {
    const entry = this.entries.find((e) => e.room === room && e.what === what);
    if (entry) this.remove(entry);
    return Boolean(entry);
  }

  remove(entry) {
    this.entries = this.entries.filter((e) => e !== entry);
    entry.log.remove(entry.row);
  }

  /** leave drops the messages to a room. */
  leave(room) { this.entries = this.entries.filter((e) => e.room !== room); }
}
