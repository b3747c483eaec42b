"use strict";

// A small Socket.IO client, protocol 5, for the main namespace. Like the original client it reconnects on its own. It
// uses a WebSocket, or HTTP long-polling when no WebSocket gets through.

const isBinary = (v) => v instanceof ArrayBuffer || ArrayBuffer.isView(v);

/** deconstruct replaces the bytes in a value with placeholders, and collects them. */
function deconstruct(v, found) {
  if (isBinary(v)) return { _placeholder: true, num: found.push(v) - 1 };
  if (Array.isArray(v)) return v.map((e) => deconstruct(e, found));
  if (!v || typeof v !== "object") return v;
  return Object.fromEntries(Object.entries(v).map(([k, e]) => [k, deconstruct(e, found)]));
}

/** reconstruct puts the bytes back. */
function reconstruct(v, found) {
  if (v && v._placeholder === true) return found[v.num];
  if (Array.isArray(v)) return v.map((e) => reconstruct(e, found));
  if (v && typeof v === "object") for (const k of Object.keys(v)) v[k] = reconstruct(v[k], found);
  return v;
}

/** Socket is the client. auth is sent to the server with each connection; it may be a function that returns it. */
class Socket {
  constructor({ path = "/socket.io/", auth } = {}) {
    this.path = path;
    this.auth = auth;
    this.handlers = new Map();
    this.transport = "websocket";
    this.attempts = 0;
    addEventListener("offline", () => this.engine.end("transport close")); // before the heartbeat times out
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.connect();
  }

  /**
   * on sets the handler of an event, which is called with its arguments and a function that acknowledges it. The client
   * has events of its own: connect, connect_error, disconnect, and waiting, with the ms until it reconnects.
   */
  on(event, handler) {
    this.handlers.set(event, handler);
    return this;
  }

  dispatch(event, ...args) { this.handlers.get(event)?.(...args); }

  connect() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.acks = new Map();
    this.id = this.pending = undefined;
    let opened = false;
    this.engine = new Engine(this.path, this.transport, {
      open: () => {
        opened = true;
        const auth = typeof this.auth === "function" ? this.auth() : this.auth;
        this.engine.send("0" + JSON.stringify(auth ?? {}));
      },
      message: (data) => (typeof data === "string" ? this.text(data) : this.binary(data)),
      close: (reason) => {
        if (!opened) this.transport = this.transport === "websocket" ? "polling" : "websocket";
        this.closed(reason);
      },
    });
  }

  closed(reason) {
    const was = this.id;
    this.id = undefined;
    for (const { reject } of this.acks.values()) reject(new Error("disconnected"));
    this.acks.clear();
    if (was) this.dispatch("disconnect", reason);
    if (reason === "io client disconnect") return;
    const ms = Math.min(5000, 400 * 2 ** this.attempts++) * (0.5 + Math.random());
    this.timer = setTimeout(() => this.connect(), ms);
    this.dispatch("waiting", ms);
  }

  /** retry connects now if the client waits for the next attempt. */
  retry() { if (this.timer) this.connect(); }

  disconnect() {
    clearTimeout(this.timer);
    this.engine.close();
  }

  text(data) {
    const [, type, , attachments, id, json] = /^(\d)((\d+)-)?(\d+)?(.*)$/s.exec(data);
    // Types 5 and 6 are events and acknowledgements (2 and 3) with attachments.
    const packet = { type: { 5: "2", 6: "3" }[type] ?? type, id, data: json ? JSON.parse(json) : undefined };
    if (!attachments || attachments === "0") return this.packet(packet);
    this.pending = { packet, missing: Number(attachments), found: [] };
  }

  binary(data) {
    const { packet, missing, found } = this.pending;
    if (found.push(data) < missing) return;
    this.pending = undefined;
    packet.data = reconstruct(packet.data, found);
    this.packet(packet);
  }

  packet({ type, id, data }) {
    switch (type) {
      case "0":
        this.id = data.sid;
        this.attempts = 0;
        return this.dispatch("connect");
      case "1": return this.engine.end("io server disconnect");
      case "2":
        return this.dispatch(...data, id === undefined ? () => {} : (...answer) => this.write("3", id, answer));
      case "3":
        this.acks.get(id)?.resolve(data[0]);
        this.acks.delete(id);
        return;
      case "4":
        this.dispatch("connect_error", data.message ?? data);
        return this.engine.end("io server disconnect");
    }
  }

  write(type, id, data) {
    const found = [];
    const json = JSON.stringify(deconstruct(data, found));
    this.engine.send((found.length ? { 2: "5", 3: "6" }[type] + found.length + "-" : type) + (id ?? "") + json);
    for (const bytes of found) this.engine.send(bytes);
  }

  /** emit sends an event. Without a connection the event is lost. */
  emit(event, ...args) {
    if (this.id) this.write("2", undefined, [event, ...args]);
  }

  /**
   * emitWithAck sends an event and resolves to the first argument of its acknowledgement. It rejects with "not
   * connected" if nothing was sent, and with "disconnected" if the connection was lost before the acknowledgement came.
   */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      if (!this.id) return reject(new Error("not connected"));
      const id = String((this.lastID = (this.lastID ?? -1) + 1));
      this.acks.set(id, { resolve, reject });
      this.write("2", id, [event, ...args]);
    });
  }
}
