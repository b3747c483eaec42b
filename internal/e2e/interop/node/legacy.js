"use strict";

// The commands of a peer of a legacy cluster: a Socket.IO 2 server with socket.io-adapter-postgres, and clients of
// version 2. Options that socket.io-adapter-postgres does not have:
//
//   - countAsNumber: pg returns counts as numbers. Without it, the adapter compares its count of nodes, a string, with
//     a number, so that clients, allRooms and customRequest always end by timeout.
//   - ids: a text from which all ids are derived, in place of random ones.
//   - unguarded: errors that nobody handles end the process, as Node.js does by default. Otherwise they are reported.

const crypto = require("crypto");
const http = require("http");
const pg = require("pg");
const Server = require("socket.io-2");
const createAdapter = require("socket.io-adapter-postgres");
const { report } = require("../../nodejs/lines");
const clients = require("./clients");
const { decode } = require("./legacydecode");

async function start(config) {
  const options = config.legacy || {};
  if (options.countAsNumber) pg.types.setTypeParser(20, Number);
  if (options.unguarded) process.removeAllListeners("unhandledRejection");
  else process.on("uncaughtException", reportError("uncaughtException"));
  const nextID = options.ids ? derivedIDs(options.ids) : undefined;
  if (nextID) crypto.pseudoRandomBytes = nextID; // used by the adapter only

  const pubClient = new pg.Pool({ connectionString: config.databaseURL, max: config.poolSize || 5 });
  const subClient = new pg.Client({ connectionString: config.databaseURL });
  subClient.setMaxListeners(0); // the adapter adds a listener for each namespace
  pubClient.setMaxListeners(0);
  await subClient.connect();

  const server = http.createServer();
  const { key, requestsTimeout } = options;
  const io = new Server(server, {
    adapter: createAdapter({ key, requestsTimeout, pubClient, subClient }),
    maxHttpBufferSize: 1e8,
    serveClient: false,
  });
  if (nextID) io.engine.generateId = () => nextID(15).toString("base64url");
  await new Promise((resolve) => server.listen({ port: 0, host: "127.0.0.1", exclusive: true }, resolve));

  const namespaces = new Map();

  function namespace(name) {
    let nsp = namespaces.get(name);
    if (nsp) return nsp;
    nsp = io.of(name);
    namespaces.set(name, nsp);
    if (!options.unguarded) nsp.adapter.on("error", reportError("adapter"));
    reportRooms(nsp);
    return nsp;
  }

  const socketOf = (name) => {
    const { socket, nsp } = clients.get(name);
    const found = namespace(nsp).connected[socket.id];
    if (!found) throw new Error(`client ${name} has no socket on the server`);
    return found;
  };

  // target applies rooms and flags to a namespace, or to the socket of spec.client, which then gets no event itself.
  function target(spec) {
    let op = spec.client ? socketOf(spec.client) : namespace(spec.nsp);
    if (spec.client && !(spec.to && spec.to.length)) op = op.broadcast;
    for (const room of spec.to || []) op = op.to(room);
    if (spec.except && spec.except.length) throw new Error("Socket.IO 2 has no except()");
    for (const flag of ["json", "volatile", "local"]) if (spec[flag]) op = op[flag];
    if (spec.compress !== undefined) op = op.compress(spec.compress);
    if (spec.binary !== undefined) op = op.binary(spec.binary);
    return op;
  }

  // asked makes a request and returns the text of its error, the answers and the duration in milliseconds.
  function asked(spec, method, ...args) {
    const { adapter } = namespace(spec.nsp);
    const begin = performance.now();
    return new Promise((resolve) => {
      adapter[method](...args, (err, values) => {
        const took = performance.now() - begin;
        resolve({ error: err ? err.message : undefined, values: values === undefined ? null : values, took });
      });
    });
  }

  // serverCount resolves to the number of nodes that the adapter counts, in all databases of the server.
  function serverCount(spec) {
    const { adapter } = namespace(spec.nsp);
    return new Promise((resolve, reject) => {
      adapter._numsub(adapter.requestChannel, (err, count) => (err ? reject(err) : resolve(Number(count))));
    });
  }

  async function open(spec) {
    const nsp = namespace(spec.nsp);
    await subClient.query("SELECT 1"); // comes after the adapter's LISTEN and the change of application_name
    return { uid: nsp.adapter.uid };
  }

  await open({ nsp: "/" });
  return {
    namespace: open,
    connect: async (spec) => {
      const client = await clients.connect(server.address().port, spec, require("socket.io-client-2"));
      client.nsp = spec.nsp;
      const socket = socketOf(spec.client);
      if (spec.rooms && spec.rooms.length) await new Promise((resolve) => socket.join(spec.rooms, resolve));
      return { id: socket.id };
    },
    disconnect: (spec) => clients.remove(spec.client),
    answer: (spec) => void (clients.get(spec.client).ack = spec.ack),
    rooms: (spec) => Object.keys(socketOf(spec.client).rooms),
    emit: (spec) => void target(spec).emit(spec.event, ...(spec.args || [])),
    clients: (spec) => asked(spec, "clients", spec.rooms || []),
    clientRooms: (spec) => asked(spec, "clientRooms", spec.socket),
    allRooms: (spec) => asked(spec, "allRooms"),
    remoteJoin: (spec) => asked(spec, "remoteJoin", spec.socket, spec.rooms[0]),
    remoteLeave: (spec) => asked(spec, "remoteLeave", spec.socket, spec.rooms[0]),
    remoteDisconnect: (spec) => asked(spec, "remoteDisconnect", spec.socket, spec.close),
    customRequest: (spec) => asked(spec, "customRequest", spec.data),
    customHook: (spec) => {
      namespace(spec.nsp).adapter.customHook = (data, answer) => {
        report("serverSide", { nsp: spec.nsp, event: "customHook", args: [data], withAck: true });
        clients.answer(spec.ack || { mode: "echo" }, answer, data);
      };
    },
    decode: (spec) => decode(spec.raw),
    serverCount,
    awaitServerCount: async (spec) => {
      while ((await serverCount(spec)) !== spec.count) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    close: async () => {
      await new Promise((resolve) => io.close(resolve));
      await pubClient.end();
      await subClient.end();
    },
    exit: (spec) => process.exit(spec.code || 0),
  };
}

const reportError = (where) => (err) => report("error", { where, message: String(err), code: err.code || "" });

// reportRooms reports joins and leaves, for which the adapter emits no events.
function reportRooms({ adapter, name }) {
  const tell = (kind, room, id) => report("room", { nsp: name, kind, room: String(room), id });
  const { addAll, del } = adapter;
  adapter.addAll = function (id, rooms, done) {
    addAll.call(this, id, rooms, done);
    for (const room of rooms) tell("join-room", room, id);
  };
  adapter.del = function (id, room, done) {
    del.call(this, id, room, done);
    tell("leave-room", room, id);
  };
}

// derivedIDs returns a function like crypto.randomBytes whose results depend only on text and the number of calls.
function derivedIDs(text) {
  let calls = 0;
  return (size) => crypto.createHash("sha256").update(`${text} ${calls++}`).digest().subarray(0, size);
}

module.exports = { start };
