"use strict";

// The clients: official ones, which reconnect by themselves. Each sends numbered events and follows the numbers of
// those that it receives. Commands and events are those of event.go.

const readline = require("readline");
const { io: connect } = require("socket.io-client");

const config = JSON.parse(process.argv[2]);
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const note = (event) => process.stdout.write(JSON.stringify(Object.assign({ at: now() }, event)) + "\n");
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let stopped = false;

process.on("unhandledRejection", (err) => note({ k: "log", e: "unhandled rejection: " + (err && err.stack) }));

// parse returns the parts of an offset that can be compared, null if it has another form.
function parse(offset) {
  const m = /^([0-9A-Za-z]{4,32})\.([0-9a-z]+)\.([0-9a-z]+)/.exec(offset);
  return m && { epoch: m[1], at: parseInt(m[3], 36) };
}

// agreed is which event each of the last positions belongs to. It is the same for all clients. An event that is not
// kept has the position before it, so several events may have one position.
const agreed = new Map();

function agree(offset, stream, seq, client) {
  const event = stream + "." + seq;
  const others = agreed.get(offset);
  if (others === undefined) {
    agreed.set(offset, [event]);
    if (agreed.size > 400000) {
      let n = 100000;
      for (const key of agreed.keys()) {
        if (n-- === 0) break;
        agreed.delete(key);
      }
    }
  } else if (!others.includes(event)) {
    for (const other of others) note({ k: "differ", c: client, s: stream, q: seq, off: offset, e: other });
    others.push(event);
  }
}

class Client {
  constructor(number) {
    Object.assign(this, { number, received: 0, streams: new Map(), position: null, offset: "", began: 0 });
    this.out = Array.from({ length: config.rooms + 1 }, () => ({ generation: 1, seq: 0 }));
    this.socket = connect(config.url, {
      transports: ["websocket"], forceNew: true, auth: { client: number }, timeout: 3000,
      reconnectionDelay: 100, reconnectionDelayMax: 1000,
    });
    this.socket.io.on("open", () => { this.began = now(); });
    this.socket.on("connect", () => this.connected());
    this.socket.on("disconnect", (reason) => {
      note({ k: "lost", c: number, id: this.id, e: reason });
      if (reason === "io server disconnect" && !stopped) this.socket.connect();
    });
    this.socket.on("connect_error", (err) => {
      note({ k: "log", c: number, e: "connect_error: " + err.message });
      if (!this.socket.active) setTimeout(() => this.socket.connect(), 200);
    });
    this.socket.on("welcome", (node) => note({ k: "welcome", c: number, node }));
    this.socket.on("ev", (stream, seq, offset) => this.got(stream, seq, offset));
    this.talk();
  }

  connected() {
    const { id, recovered } = this.socket;
    note({ k: "conn", c: this.number, id, r: recovered, b: this.began, off: this.offset,
      e: recovered && id !== this.id ? `recovered with another id, ${this.id} before` : undefined });
    this.id = id;
    if (recovered) return;
    this.streams = new Map();
    this.position = null;
  }

  got(name, seq, offset) {
    const c = this.number;
    this.received++;
    if (typeof offset !== "string") {
      note({ k: "bare", c, s: name, q: seq });
    } else {
      const p = parse(offset);
      if (p && this.position && p.epoch === this.position.epoch && p.at <= this.position.at) {
        note({ k: "back", c, s: name, q: seq, off: offset, e: this.offset });
      } else if (p) {
        agree(offset, name, seq, c);
        this.position = p;
      }
      this.offset = offset;
    }
    const stream = this.streams.get(name);
    if (stream === undefined) {
      const none = { missing: new Set(), early: new Set(), reports: 0 };
      this.streams.set(name, { first: seq, last: seq, recent: [seq], ...none });
      note({ k: "began", c, s: name, q: seq });
      return;
    }
    if (seq === stream.last + 1) {
      stream.last = seq;
    } else if (seq > stream.last) {
      for (let q = stream.last + 1; q < seq; q++) stream.missing.add(q);
      stream.last = seq;
      stream.reports = 0;
    } else if (stream.missing.delete(seq) || (seq < stream.first && !stream.early.has(seq))) {
      if (seq < stream.first) stream.early.add(seq);
      note({ k: "late", c, s: name, q: seq, off: offset, list: stream.recent.filter((q) => q > seq) });
    } else {
      note({ k: "double", c, s: name, q: seq, off: offset, e: `the last one was ${stream.last}` });
    }
    if (seq === stream.last && stream.missing.size > 0 && stream.reports++ < 20) {
      note({ k: "miss", c, s: name, q: seq, list: [...stream.missing].slice(0, 200), off: offset });
    }
    stream.recent.push(seq);
    if (stream.recent.length > 100) stream.recent.splice(0, 50);
  }

  // talk sends events, one after the other: the next one when the outcome of the last one is known.
  async talk() {
    while (!stopped) {
      await sleep((0.5 + Math.random()) * 1000 / config.rate);
      if (!this.socket.connected || stopped) continue;
      const target = Math.floor(Math.random() * this.out.length);
      const stream = this.out[target];
      const name = `c${this.number}.${target}.${stream.generation}`;
      const event = { k: "sent", c: this.number, s: name, q: ++stream.seq, b: now() };
      try {
        [event.o, event.e] = await new Promise((resolve, reject) => this.socket.timeout(6000).emit("say", name,
          stream.seq, target, (err, ...answer) => (err ? reject(err) : resolve(answer))));
      } catch (err) {
        event.o = "unknown";
        event.e = err.message;
      }
      note(event);
      if (event.o === "ok" || event.o === "refused") continue;
      stream.generation++;
      stream.seq = 0;
    }
    this.silent = true;
  }

  report() {
    const last = {};
    for (const [name, stream] of this.streams) last[name] = stream.last;
    note({ k: "report", c: this.number, last, n: this.received, r: this.socket.connected, id: this.id });
  }
}

const clients = [];
for (let i = 1; i <= config.clients; i++) clients.push(new Client(i));
note({ k: "ready" });

const orders = {
  stop: async () => {
    stopped = true;
    while (clients.some((c) => !c.silent)) await sleep(20);
    note({ k: "stopped" });
  },
  report: () => {
    for (const c of clients) c.report();
    note({ k: "all" });
  },
  leave: async () => {
    stopped = true;
    for (const c of clients) c.socket.disconnect();
    await sleep(100);
    note({ k: "bye" });
  },
};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = orders[JSON.parse(line).do];
  if (order) order();
}).on("close", () => process.exit(3));
