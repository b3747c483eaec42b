// Writes the messages of the npm packages for the tests of this codec. Run it where the packages are installed, and
// save its output as vectors.json next to this file.
//
//	cd internal/e2e/interop/node
//	data=../../../../codec/jsonmsgpack/testdata
//	node $data/vectors.js > $data/vectors.json
//
// The adapters and the emitter are real. Their pool is a fake that records the queries. A counter replaces random ids,
// so that two runs write the same output.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

const crypto = require("node:crypto");
let lastId = 0;
crypto.randomBytes = (n) => {
  const bytes = Buffer.alloc(n);
  bytes.writeUInt32BE(++lastId, n - 4);
  return bytes;
};

const fromHere = createRequire(path.join(process.cwd(), "/"));
function load(...names) {
  for (const name of names) {
    try {
      return fromHere(name);
    } catch (err) {
      if (err.code !== "MODULE_NOT_FOUND") {
        throw err;
      }
    }
  }
  throw new Error(`none of these packages is installed: ${names.join(", ")}`);
}

const msgpack = load("@msgpack/msgpack");
const { Emitter } = load("@socket.io/postgres-emitter");
const adapters = {
  0.3: load("postgres-adapter-0.3", "pa03"),
  0.4: load("postgres-adapter-0.4", "pa04"),
  0.5: load("@socket.io/postgres-adapter"),
};

const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

// pool records the queries that would go to PostgreSQL.
function newPool() {
  const sent = [];
  let rows = 0;
  let attachment;
  return {
    sent,
    async query(sql, params) {
      if (sql.startsWith("SELECT pg_notify")) {
        const [channel, payload] = params;
        sent.push({ channel, payload, attachment });
        attachment = undefined;
      } else if (sql.startsWith("INSERT")) {
        attachment = Buffer.from(params[0]).toString("base64");
        return { rows: [{ id: String(++rows) }] };
      }
      return { rows: [] };
    },
    async connect() {
      return { on() {}, release() {}, removeAllListeners() {}, async query() {} };
    },
  };
}

function newNamespace(name, sockets) {
  return {
    name,
    _ids: 0,
    sockets: new Map(sockets.map((s) => [s.id, s])),
    server: { opts: {}, encoder: { encode: () => [""] } },
    _onServerSideEmit(args) {
      const ack = args[args.length - 1];
      if (typeof ack === "function") {
        this.reply(ack);
      }
    },
  };
}

function newSocket(id, data) {
  return {
    id,
    data,
    rooms: new Set([id, "room1"]),
    acks: new Map(),
    client: { writeToEngine() {} },
    handshake: {
      headers: { "user-agent": "node" },
      time: "Tue Jan 02 2024 03:04:05 GMT+0000",
      address: "::1",
      xdomain: false,
      secure: false,
      issued: 1704164645678,
      url: "/socket.io/?EIO=4",
      query: { EIO: "4" },
      auth: { token: "<é>" },
    },
  };
}

const set = (...names) => new Set(names);
const opts = (rooms = [], except = [], flags = {}) => ({ rooms: set(...rooms), except: set(...except), flags });
const event = (...data) => ({ type: 2, nsp: "/chat", data });
const date = new Date(Date.UTC(2024, 0, 2, 3, 4, 5, 678));
const long = (n) => "é\n".repeat(n / 2);

async function adapterVectors(version, out) {
  lastId = 0;
  const pool = newPool();
  const nsp = newNamespace("/chat", []);
  const adapter = adapters[version].createAdapter(pool, {})(nsp);
  const peer = "00000000000000ff";

  // record runs an operation and records the messages that it sends.
  async function record(...names) {
    const run = names.pop();
    pool.sent.length = 0;
    lastId = 0x10;
    await run();
    await tick();
    if (pool.sent.length !== names.length) {
      throw new Error(`${version} ${names}: ${pool.sent.length} messages`);
    }
    for (const name of names) {
      out.push({ from: `adapter ${version}`, name, ...pool.sent.shift() });
    }
  }
  // hear passes a message from a peer to the adapter.
  async function hear(type, data) {
    const message = { uid: peer, nsp: "/chat", type, data };
    await (adapter.onEvent ? adapter.onEvent(JSON.stringify(message)) : adapter.onMessage(message));
    await tick();
  }

  if (version === "0.3") {
    await tick(); // its constructor sends the first message
    out.push({ from: "adapter 0.3", name: "initial heartbeat", ...pool.sent.shift() });
  } else {
    await record("initial heartbeat", () => adapter.init());
  }
  await record("heartbeat", () => hear(1));

  await record("broadcast", () =>
    adapter.broadcast(
      event("hello", 1, "two é\u2028\u0000", null, { three: [3.5, true], nested: {} }),
      opts(["room1", 42, 1.5], ["room2"], { volatile: true, compress: false })
    )
  );
  await record("broadcast to all", () => adapter.broadcast(event("hello"), opts()));
  await record("broadcast of a numbered event", () => adapter.broadcast(event(7, 8), opts()));
  await record("broadcast with ack", () =>
    adapter.broadcastWithAck(
      event("ask", "x"), opts(["room1"], [], { timeout: 1500, expectSingleResponse: true }), () => {}, () => {})
  );
  await record("broadcast binary", () =>
    adapter.broadcast(
      event("bytes", Buffer.from([0, 1, 255]),
        { deep: [new Uint8Array([7]), date, undefined, -0, NaN, 2 ** 53, -3.25] }),
      opts(["room1"])
    )
  );
  await record("broadcast large", () => adapter.broadcast(event("large", long(5000)), opts()));

  await record("join", () => adapter.addSockets(opts(["room1"]), ["a", "b"]));
  await record("leave", () => adapter.delSockets(opts([], ["room1"]), ["a", 5]));
  await record("disconnect", () => adapter.disconnectSockets(opts(["room1"]), true));
  await record("disconnect softly", () => adapter.disconnectSockets(opts(["room1"]), false));

  await record("fetch", () => {
    adapter.fetchSockets(opts(["room1"], [], { timeout: 60000 })).catch(() => {});
  });
  const socket = newSocket("s1", { name: "é", n: 1 });
  nsp.sockets.set("s1", socket);
  adapter.addAll("s1", socket.rooms);
  const request = { requestId: "00000000000000aa", opts: { rooms: ["room1"], except: [], flags: {} } };
  await record("fetched", () => hear(7, request));
  await record("fetched none", () => hear(7, { ...request, opts: { rooms: ["nobody"], except: [] } }));
  socket.data = { photo: Buffer.from([1, 2, 3]), list: [new Uint8Array([4])] };
  await record("fetched binary", () => hear(7, request));
  socket.data = { photo: Buffer.from([1, 2, 3]), text: long(8000) };
  await record("fetched large", () => hear(7, request));

  await record("server side emit", () => adapter.serverSideEmit(["ping", 1, { a: "b" }]));
  await record("server side emit with ack", () => adapter.serverSideEmit(["ping", () => {}]));
  await record("server side emit binary", () => adapter.serverSideEmit(["ping", Buffer.from([9])]));
  const asked = { requestId: "00000000000000bb", packet: ["ping"] };
  for (const [name, value] of [
    ["answer", { pong: [1] }],
    ["answer undefined", undefined],
    ["answer null", null],
    ["answer binary", Buffer.from([1, 2])],
  ]) {
    nsp.reply = (ack) => ack(value);
    await record(name, () => hear(9, { ...asked, packet: ["ping"] }));
  }

  const ask = () => ({
    requestId: "00000000000000cc", packet: event("ask"),
    opts: { rooms: [], except: [], flags: { timeout: 1000 } },
  });
  await record("client count", () => hear(3, ask()));
  const acks = [...socket.acks.values()];
  for (const [name, value] of [
    ["client ack", ["yes", 1]],
    ["client ack undefined", undefined],
    ["client ack binary", { b: Buffer.from([5]) }],
  ]) {
    await record(name, () => acks[0](value));
  }
  await record("client count of none", () => hear(3, { ...ask(), opts: { rooms: ["nobody"], except: [] } }));

  if (version === "0.3") {
    adapter.close();
  } else {
    await record("close", () => adapter.close());
  }
}

async function emitterVectors(out) {
  const pool = newPool();
  const emitter = new Emitter(pool, "/chat");
  for (const [name, run] of [
    ["broadcast", (e) =>
      e.to("room1").to([42, 1.5]).except("room2").volatile.compress(false).emit("hello", 1, "two", null)],
    ["broadcast to all", (e) => e.emit("hello")],
    ["broadcast binary", (e) => e.emit("bytes", Buffer.from([0, 1, 255]), date)],
    ["broadcast large", (e) => e.emit("large", long(5000))],
    ["join", (e) => e.in("room1").socketsJoin(["a", "b"])],
    ["leave", (e) => e.except("room1").socketsLeave("a")],
    ["disconnect", (e) => e.in("room1").disconnectSockets(true)],
    ["server side emit", (e) => e.serverSideEmit("ping", 1, { a: "b" })],
  ]) {
    run(emitter);
    await tick();
    out.push({ from: "emitter", name, ...pool.sent.shift() });
  }
}

// tagged represents in JSON the values that JSON cannot represent.
function tagged(v) {
  if (v === undefined) return { $undefined: true };
  if (v instanceof Date) return { $date: v.getTime() };
  if (v instanceof Uint8Array) return { $bytes: Buffer.from(v).toString("hex") };
  if (typeof v === "number") return { $number: Object.is(v, -0) ? "-0" : String(v) };
  if (Array.isArray(v)) return v.map(tagged);
  if (v && typeof v === "object") return { $map: Object.entries(v).map(([key, value]) => [key, tagged(value)]) };
  return v;
}

function msgpackVectors() {
  const values = [null, true, false, undefined];
  for (const n of [0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536,
    2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64]) {
    values.push(n, -n, -n - 1);
  }
  values.push(0.5, -0.1, 1e300, 5e-324, 1e21, NaN, Infinity, -Infinity);
  for (const n of [0, 1, 31, 32, 255, 256]) {
    values.push("s".repeat(n), "é".repeat(n / 2), Buffer.alloc(n, 7));
  }
  for (const n of [0, 1, 15, 16, 300]) {
    values.push(new Array(n).fill(1), Object.fromEntries(new Array(n).fill(0).map((_, i) => ["k" + i, null])));
  }
  for (const ms of [0, 1, 999, 1000, 1704164645678, 2 ** 32 * 1000 - 1000, 2 ** 32 * 1000,
    2 ** 34 * 1000 - 1, 2 ** 34 * 1000, -1, -1000, -62135596800000, 8.64e15]) {
    values.push(new Date(ms));
  }
  values.push({ b: [1, { a: [] }], a: { "": "😀" } }, [[[]], [{}], "\u0000\ud83d\ude00"]);
  return values.map((v) => ({ value: tagged(v), msgpack: Buffer.from(msgpack.encode(v)).toString("hex") }));
}

async function main() {
  const messages = [];
  for (const version of ["0.3", "0.4", "0.5"]) {
    await adapterVectors(version, messages);
  }
  await emitterVectors(messages);
  const line = (v) => "\t\t" + JSON.stringify(v);
  process.stdout.write(
    `{\n\t"messages": [\n${messages.map(line).join(",\n")}\n\t],\n` +
      `\t"msgpack": [\n${msgpackVectors().map(line).join(",\n")}\n\t]\n}\n`,
    () => process.exit(0)
  );
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
