"use strict";

// A small Engine.IO client, protocol 4: over a WebSocket, or over HTTP long-polling.

const SEPARATOR = "\x1e"; // between the packets of a long-polling payload

const HANDSHAKE = 5000; // ms for the first packet of the server

/** Engine is one Engine.IO session over one transport. Its messages are strings or ArrayBuffers. */
class Engine {
  constructor(path, transport, events) {
    this.events = events; // open(), message(data), close(reason)
    this.maxPayload = 1e6;
    this.queue = []; // packets that long-polling has not posted yet
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
    this.expect(HANDSHAKE);
  }

  async poll() {
    this.abort = new AbortController();
    this.expect(HANDSHAKE);
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
        this.heartbeat = pingInterval + pingTimeout;
        if (!this.ws) this.url.searchParams.set("sid", sid);
        this.expect(this.heartbeat);
        return this.events.open();
      }
      case "1": return this.end("transport close");
      case "2":
        this.expect(this.heartbeat);
        return this.write("3");
      case "4": return this.events.message(data.slice(1));
      case "b":
        return this.events.message(Uint8Array.from(atob(data.slice(1)), (c) => c.charCodeAt(0)).buffer);
    }
  }

  /** expect ends the session if the server sends nothing for that long. */
  expect(ms) {
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

  /** flush posts the queue: one request at a time, and none larger than the server allows. */
  async flush() {
    if (this.posting || !this.queue.length) return;
    this.posting = true;
    try {
      while (this.queue.length && !this.closed) {
        let body = this.queue.shift();
        // The limit is in bytes, and a character has up to three of them.
        const most = this.maxPayload / 3;
        while (this.queue.length && body.length + this.queue[0].length < most) body += SEPARATOR + this.queue.shift();
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
  const all = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
  for (let i = 0; i < all.length; i += 0x8000) text += String.fromCharCode(...all.subarray(i, i + 0x8000));
  return btoa(text);
}
