// A worker of the benchmark with one of Socket.IO's adapters: "postgres", "classic" (Redis) or "streams" (Redis, with
// connection state recovery). Its arguments are the adapter and the URL of the server. It executes the commands on
// standard input, one JSON object per line. The adapter runs under the best conditions: a pool of 10 connections, no
// debug output, no client. A counter replaces the in-memory adapter, so that only the adapter itself is measured.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");
const readline = require("node:readline");
const load = createRequire(path.join(process.env.BACKPLANE_TEST_NODE_MODULES, "x.js"));
const { Server } = load("socket.io");
const { createAdapter } = load("@socket.io/postgres-adapter");
const { Adapter } = load("socket.io-adapter");
const { Pool } = load("pg");

const [kind, url] = process.argv.slice(2);
const say = (o) => process.stdout.write(JSON.stringify(o) + "\n");
// now returns Unix nanoseconds, with the precision of a microsecond.
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1e6);
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };

let expected = null;
let sockets = 0;
const { broadcast } = Adapter.prototype;
Adapter.prototype.broadcast = function (packet, opts) {
  if (sockets > 0) broadcast.call(this, packet, opts);
  if (!expected) return;
  const arg = packet.data[1];
  if (Buffer.isBuffer(arg) || arg instanceof Uint8Array) {
    const b = Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength);
    expected.got(b.readUInt32BE(0), b.readUInt32BE(4), Number(b.readBigUInt64BE(8)));
  } else {
    expected.got(arg.run, arg.i, arg.t);
  }
};

// populate adds n clients, spread over the rooms, that discard events and acknowledge at once.
function populate(n, rooms) {
  const nsp = io.of("/");
  for (const id of nsp.sockets.keys()) adapter.delAll(id);
  nsp.sockets.clear();
  sockets = n;
  for (let i = 0; i < n; i++) {
    const id = "socket-" + i;
    const acks = new Map();
    acks.set = (_, ack) => setImmediate(ack, "ok");
    nsp.sockets.set(id, {
      id, acks, data: { name: id }, rooms: new Set([id, "room-" + (i % rooms)]), client: { writeToEngine() {} },
      handshake: {
        headers: {}, time: "", address: "127.0.0.1", xdomain: false, secure: false, issued: 0,
        url: "/", query: {}, auth: {},
      },
    });
    adapter.addAll(id, new Set([id, "room-" + (i % rooms)]));
  }
}

// quantiles returns a function that returns the quantile q of the values, 0 if there are none.
function quantiles(values) {
  const sorted = Float64Array.from(values).sort();
  return (q) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : 0);
}

class Expectation {
  constructor({ run, n, idle }) {
    Object.assign(this, { run, n, idle, received: 0, duplicated: 0, last: 0, cpu0: cpu(), latencies: [] });
    this.seen = new Uint8Array(n);
    this.timer = setInterval(() => this.last && now() - this.last > idle * 1e9 && this.end(), 200);
  }
  got(run, i, t) {
    if (run !== this.run) return;
    this.last = now();
    if (this.seen[i]++) { this.duplicated++; return; }
    this.latencies.push(this.last - t);
    if (++this.received === this.n) this.end();
  }
  end() {
    clearInterval(this.timer);
    expected = null;
    const at = quantiles(this.latencies);
    const { received, duplicated, last } = this;
    say({ received, duplicated, last, cpu: cpu() - this.cpu0, p50: at(0.5), p99: at(0.99) });
  }
}

const io = new Server(0, { serveClient: false, ...(kind === "streams" && { connectionStateRecovery: {} }) });
let errors = 0;
let adapter;

// connect opens a connection to Redis.
async function connect() {
  const client = load("@redis/client").createClient({ url });
  client.on("error", () => errors++);
  await client.connect();
  return client;
}

// sent settles when Redis has answered the latest broadcast. The classic adapter does not wait for that, so that the
// number of messages in flight would have no effect.
let sent;

// open connects the adapter to its server.
async function open() {
  if (kind === "streams") {
    io.adapter(load("@socket.io/redis-streams-adapter").createAdapter(await connect()));
  } else if (kind === "classic") {
    const client = await connect();
    const publish = client.publish;
    client.publish = (...args) => (sent = publish.apply(client, args));
    io.adapter(load("@socket.io/redis-adapter").createAdapter(client, await connect()));
  } else {
    const pool = new Pool({ connectionString: url, max: 10 });
    io.adapter(createAdapter(pool, { errorHandler: () => errors++ }));
  }
  adapter = io.of("/").adapter;
}

const opts = (room) => ({ rooms: new Set(room === undefined ? [] : [room]), except: new Set(), flags: {} });

// padding and noise are the same as in expectation.go.
const words = ("the quick brown fox jumps over a lazy dog while seven wizards box with liquid jugs and " +
  "my sphinx of quartz judges").split(" ");
const noise = Buffer.alloc(1 << 20);
let padding = [];
for (let i = 0, n = 1, length = 0; i < noise.length; i++) {
  n = (Math.imul(n, 1664525) + 1013904223) >>> 0;
  noise[i] = n >>> 24;
  if (length < noise.length) {
    padding.push(words[(n >>> 16) % words.length]);
    length += padding[padding.length - 1].length + 1;
  }
}
padding = padding.join(" ");

function message(kind, size, run, i) {
  if (kind === "bin") {
    const b = Buffer.from(noise.subarray(0, size));
    b.writeUInt32BE(run, 0);
    b.writeUInt32BE(i, 4);
    b.writeBigUInt64BE(BigInt(now()), 8);
    return b;
  }
  const arg = { run, i, t: now(), pad: "" };
  arg.pad = padding.slice(0, Math.max(0, size - JSON.stringify(arg).length));
  return arg;
}

async function publish({ run, first = 0, n, inFlight, rate, kind, size, rooms, op }) {
  const start = now(), cpu0 = cpu();
  errors = 0;
  let next = 0, answers = 0;
  const room = (i) => (rooms ? "room-" + (i % rooms) : undefined);
  const one = {
    emit: (i) => {
      const packet = { type: 2, data: ["m", message(kind, size, run, first + i)] };
      return adapter.broadcast(packet, opts(room(first + i))) || sent;
    },
    ack: async (i) => {
      const got = await io.of("/").timeout(30000).emitWithAck("m", message(kind, size, run, i));
      answers += got.length;
    },
    fetch: async () => {
      const got = await io.of("/").fetchSockets();
      answers += got.length;
    },
  }[op || "emit"];
  const latencies = [];
  const timed = async (i) => {
    const t = now();
    await one(i).catch(() => errors++);
    latencies.push(now() - t);
  };
  if (rate > 0) {
    const sent = [];
    await new Promise((done) => {
      const step = () => {
        const due = Math.min(n, Math.floor(((now() - start) / 1e9) * rate) + 1);
        while (next < due) sent.push(one(next++));
        next < n ? setTimeout(step, rate >= 1000 ? 1 : 1000 / rate) : done();
      };
      step();
    });
    await Promise.all(sent);
  } else if (inFlight === 0) { // one loop that does not wait
    const sent = [];
    while (next < n) {
      sent.push(one(next++));
      if (next % 1000 === 0) await new Promise(setImmediate);
    }
    await Promise.all(sent);
  } else {
    await Promise.all(Array.from({ length: inFlight }, async () => { while (next < n) await timed(next++); }));
  }
  const at = quantiles(latencies);
  say({ start, end: now(), cpu: cpu() - cpu0, errors, answers, p50: at(0.5), p99: at(0.99) });
}

(async () => {
  await open();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const c = JSON.parse(line);
    if (c.cmd === "peers") {
      while ((await adapter.serverCount()) - 1 < c.n) await new Promise((r) => setTimeout(r, 50));
      say({ peers: c.n });
    } else if (c.cmd === "populate") {
      populate(c.n, c.rooms);
      say({ ready: true });
    } else if (c.cmd === "cpu") {
      say({ cpu: cpu() });
    } else if (c.cmd === "expect") {
      expected = new Expectation(c);
      say({ ready: true });
    } else if (c.cmd === "publish") {
      await publish(c);
    }
  }
  process.exit(0);
})();
