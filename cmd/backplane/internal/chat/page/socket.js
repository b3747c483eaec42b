"use strict";

// A small Socket.IO client: protocol 5 over Engine.IO 4, the main namespace. It speaks over a WebSocket, and over
// long-polling where no WebSocket gets through. Like Socket.IO's own it connects again by itself.

const SEPARATOR = "\x1e"; // between the packets of one long-polling payload

/** Engine is one Engine.IO session: messages both ways, strings or ArrayBuffers, over one transport. */
class Engine {
  constructor(path, transport, events) {
    this.events = events; // open(), message(data), close(reason)
    this.maxPayload = 1e6;
    this.queue = []; // what long-polling has yet to send
    this.closed = false;
    this.url = new URL(path, location.href);
    this.url.search = "EIO=4&transport=" + transport;
    if (transport === "websocket") this.connect();
    else this.poll();
  }

  connect() {
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.ws = new WebSocket(this.url);
    this.ws.binaryType = "arraybuffer";
    this.ws.onmessage = (e) => this.packet(e.data);
    this.ws.onclose = () => this.end("transport close");
    this.watch(5000);
  }

  async poll() {
    this.abort = new AbortController();
    this.watch(5000);
    while (!this.closed) {
      try {
        const response = await fetch(this.url, { signal: this.abort.signal, cache: "no-store" });
        if (!response.ok) throw new Error(response.statusText);
        for (const p of (await response.text()).split(SEPARATOR)) this.packet(p);
      } catch {
        this.end("transport error");
      }
    }
  }

  packet(data) {
    if (this.closed) return;
    if (typeof data !== "string") return this.events.message(data);
    switch (data[0]) {
      case "0": {
        const { sid, pingInterval, pingTimeout, maxPayload } = JSON.parse(data.slice(1));
        this.maxPayload = maxPayload;
        this.patience = pingInterval + pingTimeout;
        if (!this.ws) this.url.searchParams.set("sid", sid);
        this.watch(this.patience);
        return this.events.open();
      }
      case "1": return this.end("transport close");
      case "2": this.watch(this.patience); return this.write("3");
      case "4": return this.events.message(data.slice(1));
      case "b": return this.events.message(Uint8Array.from(atob(data.slice(1)), (c) => c.charCodeAt(0)).buffer);
    }
  }

  /** watch gives the server so long for its next ping. */
  watch(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end("ping timeout"), ms);
  }

  send(message) { this.write(typeof message === "string" ? "4" + message : message); }

  write(packet) {
    if (this.closed) return;
    if (this.ws) return this.ws.send(packet);
    this.queue.push(typeof packet === "string" ? packet : "b" + base64(packet));
    this.flush();
  }

  /** flush posts what is queued, one request at a time, each no larger than the server allows. */
  async flush() {
    if (this.posting || !this.queue.length) return;
    this.posting = true;
    try {
      while (this.queue.length && !this.closed) {
        let body = this.queue.shift();
        while (this.queue.length && body.length + this.queue[0].length < this.maxPayload / 3) body += SEPARATOR + this.queue.shift();
        const response = await fetch(this.url, { method: "POST", body, headers: { "Content-Type": "text/plain" } });
        if (!response.ok) throw new Error(response.statusText);
      }
    } catch {
      this.end("transport error");
    }
    this.posting = false;
  }

  close() {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send("1");
    this.end("io client disconnect");
  }

  end(reason) {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.ws?.close();
    this.events.close(reason);
  }
}

function base64(bytes) {
  let text = "";
  const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
  for (let i = 0; i < view.length; i += 0x8000) text += String.fromCharCode(...view.subarray(i, i + 0x8000));
  return btoa(text);
}

const isBinary = (v) => v instanceof ArrayBuffer || ArrayBuffer.isView(v);

/** deconstruct replaces the bytes in a value with placeholders, and collects them. */
function deconstruct(v, found) {
  if (isBinary(v)) return { _placeholder: true, num: found.push(v) - 1 };
  if (Array.isArray(v)) return v.map((e) => deconstruct(e, found));
  if (v && typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, e]) => [k, deconstruct(e, found)]));
  return v;
}

/** reconstruct puts them back. */
function reconstruct(v, found) {
  if (v && v._placeholder === true) return found[v.num];
  if (Array.isArray(v)) return v.map((e) => reconstruct(e, found));
  if (v && typeof v === "object") for (const k of Object.keys(v)) v[k] = reconstruct(v[k], found);
  return v;
}

/** Socket is the client. auth is what the server is told about it, or a func that returns that. */
class Socket {
  constructor({ path = "/socket.io/", auth } = {}) {
    this.path = path;
    this.auth = auth;
    this.handlers = new Map();
    this.transport = "websocket";
    this.attempts = 0;
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.connect();
  }

  /** on calls handler(...args, ack) for an event. Also: connect, connect_error, disconnect, waiting (for how many ms). */
  on(event, handler) {
    this.handlers.set(event, handler);
    return this;
  }

  fire(event, ...args) { this.handlers.get(event)?.(...args); }

  connect() {
    clearTimeout(this.waiting);
    this.waiting = undefined;
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
        this.lost(reason);
      },
    });
  }

  lost(reason) {
    const was = this.id;
    this.id = undefined;
    for (const { reject } of this.acks.values()) reject(new Error("disconnected"));
    this.acks.clear();
    if (was) this.fire("disconnect", reason);
    if (reason === "io client disconnect") return;
    const ms = Math.min(5000, 400 * 2 ** this.attempts++) * (0.5 + Math.random());
    this.waiting = setTimeout(() => this.connect(), ms);
    this.fire("waiting", ms);
  }

  /** retry connects now rather than later, if it is waiting to. */
  retry() { if (this.waiting) this.connect(); }

  disconnect() {
    clearTimeout(this.waiting);
    this.engine.close();
  }

  text(data) {
    const [, type, , attachments, id, json] = /^(\d)((\d+)-)?(\d+)?(.*)$/s.exec(data);
    const packet = { type: type === "5" ? "2" : type === "6" ? "3" : type, id, data: json ? JSON.parse(json) : undefined };
    if (!attachments || attachments === "0") return this.packet(packet);
    this.pending = { packet, awaited: Number(attachments), found: [] };
  }

  binary(data) {
    const { packet, awaited, found } = this.pending;
    if (found.push(data) < awaited) return;
    this.pending = undefined;
    packet.data = reconstruct(packet.data, found);
    this.packet(packet);
  }

  packet({ type, id, data }) {
    switch (type) {
      case "0":
        this.id = data.sid;
        this.attempts = 0;
        return this.fire("connect");
      case "1": return this.engine.end("io server disconnect");
      case "2": return this.fire(...data, id === undefined ? () => {} : (...answer) => this.write("3", id, answer));
      case "3":
        this.acks.get(id)?.resolve(data[0]);
        this.acks.delete(id);
        return;
      case "4":
        this.fire("connect_error", data.message ?? data);
        return this.engine.end("io server disconnect");
    }
  }

  write(type, id, data) {
    const found = [];
    const json = JSON.stringify(deconstruct(data, found));
    this.engine.send((found.length ? { 2: "5", 3: "6" }[type] + found.length + "-" : type) + (id ?? "") + json);
    for (const bytes of found) this.engine.send(bytes);
  }

  /** emit sends an event. While there is no connection it is lost. */
  emit(event, ...args) {
    if (this.id) this.write("2", undefined, [event, ...args]);
  }

  /** ask sends an event and resolves to the first argument of its acknowledgement. */
  ask(event, ...args) {
    return new Promise((resolve, reject) => {
      if (!this.id) return reject(new Error("not connected"));
      const id = String((this.lastID = (this.lastID ?? -1) + 1));
      this.acks.set(id, { resolve, reject });
      this.write("2", id, [event, ...args]);
    });
  }
}
