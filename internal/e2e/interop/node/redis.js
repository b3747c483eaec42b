"use strict";

// The commands of a peer of a Redis cluster: a Socket.IO server with @socket.io/redis-adapter, classic or sharded, or
// @socket.io/redis-emitter. Options that the packages do not have:
//
//   - sharded: the subscriptionMode of a sharded adapter; without it, the adapter is a classic one;
//   - ids: a text from which all ids are derived, in place of random ones.

const crypto = require("crypto");
const { report } = require("../../nodejs/lines");
const { exact } = require("./legacydecode");

const packages = { "redis-8": "@socket.io/redis-adapter", "redis-7": "redis-adapter-7" };

// connect resolves to a client of node-redis or ioredis, for one server or for a Redis Cluster.
async function connect(options) {
  let client;
  if (options.client === "ioredis-cluster") {
    const { Cluster } = require("ioredis");
    client = new Cluster([{ host: "127.0.0.1", port: options.port }], {
      clusterRetryStrategy: null,
      shardedSubscribers: !!options.sharded,
    });
  } else if (options.client === "ioredis") {
    const Redis = require("ioredis");
    client = new Redis(options.port, "127.0.0.1", { retryStrategy: null });
  } else if (options.client === "node-redis-cluster") {
    client = require("@redis/client").createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${options.port}` }] });
    client.on("error", (err) => report("error", { where: "redis", message: err.message }));
    await client.connect();
    return client;
  } else {
    client = require("@redis/client").createClient({
      socket: { host: "127.0.0.1", port: options.port, reconnectStrategy: false },
    });
    client.setMaxListeners(0);
    client.on("error", (err) => report("error", { where: "redis", message: err.message }));
    return client.connect();
  }
  client.setMaxListeners(0); // the adapter adds a listener for each namespace
  client.on("error", (err) => report("error", { where: "redis", message: err.message }));
  await client.ping();
  return client;
}

async function start(config) {
  const options = config.redis;
  if (options.ids) deriveIDs(options.ids);
  if (config.adapter.startsWith("redis-streams-")) return require("./streams").start(config, connect);
  const pub = await connect(options);
  if (config.adapter === "redis-emitter") return emitter(options, pub);
  const sub = await connect(options);
  let opened = 0;
  // listens resolves when the server has confirmed what was sent before: the subscriptions of the adapter.
  const listens = () => {
    const channel = `${options.key}/opened/${process.pid}/${opened++}`;
    if (!options.sharded) return sub.subscribe(channel, () => {});
    return sub.sSubscribe ? sub.sSubscribe(channel, () => {}) : sub.ssubscribe(channel);
  };
  const close = async () => {
    for (const client of [pub, sub]) await (client.destroy || client.disconnect).call(client);
  };

  const { createAdapter, createShardedAdapter } = require(packages[config.adapter]);
  let adapters = new Map();
  const create = options.sharded
    ? createShardedAdapter(pub, sub, { channelPrefix: options.key, subscriptionMode: options.sharded })
    : createAdapter(pub, sub, {
        key: options.key,
        requestsTimeout: options.requestsTimeout,
        publishOnSpecificResponseChannel: options.specificResponses,
      });
  const commands = await require("./server").start(config, {
    adapter: function (nsp) {
      const adapter = create(nsp);
      adapters.set(nsp.name, adapter);
      return adapter;
    },
    listens,
    close,
  });

  // asked resolves to the text of its error, and the answers.
  async function asked(spec, method, ...args) {
    try {
      const values = await adapters.get(spec.nsp)[method](...args);
      return { values: values === undefined ? null : [...values] };
    } catch (err) {
      return { error: err.message, values: null };
    }
  }

  await listens();
  if (options.sharded) {
    // the adapter does not wait for the subscriptions of rooms, but the caller of a command does
    for (const [name, command] of Object.entries(commands)) {
      if (name === "close" || name === "exit") continue;
      commands[name] = async (spec) => {
        const result = await command(spec);
        await listens();
        return result;
      };
    }
  }
  return {
    ...commands,
    decode: (spec) => decode(options, Buffer.from(spec.raw, "base64")),
    // version 8 has no clients, remoteJoin, remoteLeave and remoteDisconnect
    clients: (spec) => asked(spec, "sockets", new Set(spec.rooms)),
    allRooms: (spec) => asked(spec, "allRooms"),
    remoteJoin: (spec) => asked(spec, "remoteJoin", spec.socket, spec.rooms[0]),
    remoteLeave: (spec) => asked(spec, "remoteLeave", spec.socket, spec.rooms[0]),
    remoteDisconnect: (spec) => asked(spec, "remoteDisconnect", spec.socket, spec.close),
  };
}

function emitter(options, client) {
  const { Emitter } = require("@socket.io/redis-emitter");

  function target(spec) {
    let op = new Emitter(client, { key: options.key }, spec.nsp || "/");
    if (spec.to && spec.to.length) op = op.to(spec.to);
    if (spec.except && spec.except.length) op = op.except(spec.except);
    if (spec.volatile) op = op.volatile;
    if (spec.compress !== undefined) op = op.compress(spec.compress);
    return op;
  }
  return {
    namespace: () => ({ uid: "emitter" }),
    emit: (spec) => void target(spec).emit(spec.event, ...(spec.args || [])),
    socketsJoin: (spec) => void target(spec).socketsJoin(spec.rooms),
    socketsLeave: (spec) => void target(spec).socketsLeave(spec.rooms),
    disconnectSockets: (spec) => void target(spec).disconnectSockets(!!spec.close),
    serverSideEmit: (spec) => void target(spec).serverSideEmit(spec.event, ...(spec.args || [])),
    decode: (spec) => decode(options, Buffer.from(spec.raw, "base64")),
    close: () => client.close(),
    exit: (spec) => process.exit(spec.code || 0),
  };
}

// decode reads a message as the adapter does, and returns it as JSON text in the format of lines.js for stdin.
function decode(options, message) {
  const decoded = message[0] === 0x7b ? JSON.parse(message.toString()) : notepack().decode(message);
  return { decoded: JSON.stringify(exact(decoded)) };
}

const notepack = () => {
  const paths = [require.resolve("@socket.io/redis-adapter")];
  return require(require.resolve("notepack.io", { paths }));
};

// deriveIDs makes the results of crypto.randomBytes depend only on text and the number of calls.
function deriveIDs(text) {
  let calls = 0;
  const derived = (size, done) => {
    const bytes = crypto.createHash("shake256", { outputLength: size }).update(`${text} ${calls++}`).digest();
    return done ? done(null, bytes) : bytes;
  };
  crypto.randomBytes = derived;
  crypto.pseudoRandomBytes = derived;
}

module.exports = { start, connect };
