"use strict";

// The commands of a peer that is a node of a cluster of @socket.io/redis-streams-adapter. The adapter opens its
// connections by itself and does not say when it listens, so this looks at what it does with them.

const { report } = require("../../nodejs/lines");
const { exact } = require("./legacydecode");

// start starts a server. connect opens a connection, as ./redis.js does.
async function start(config, connect) {
  const { adapter, listens, close, ready } = await join(config.redis, await connect(config.redis));
  const commands = await require("./server").start(config, { adapter, listens, close });
  await ready();
  return { ...commands, decode };
}

// join returns an adapter for a server and what is needed with it: ready resolves when the server, whose namespace "/"
// is open, reads all streams.
async function join(options, client) {
  options.stream ||= options.key;
  const copies = [];
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (...args) => {
    const copy = watched(duplicate(...args));
    copies.push(copy);
    copy.on("error", (err) => report("error", { where: "redis", message: err.message }));
    if (copy.setMaxListeners) copy.setMaxListeners(0);
    return copy;
  };
  const { createAdapter } = require("@socket.io/redis-streams-adapter");
  const create = createAdapter(client, {
    streamName: options.stream,
    streamCount: options.streamCount || 1,
    channelPrefix: options.key,
    maxLen: options.maxLen || 10000,
    blockTimeInMs: 500,
  });

  let opened = 0;
  // listens resolves when the server has confirmed what was sent before: the subscriptions of the adapter.
  async function listens() {
    const sub = await until(() => copies.find((c) => c.watched.subscribes));
    await sub.subscribe(`${options.key}/opened/${process.pid}/${opened++}`, () => {});
  }
  const close = async () => {
    await until(() => copies.every((c) => !c.isOpen && (!c.status || c.status === "end"))); // the adapter closes them
    await (client.destroy || client.disconnect).call(client);
  };
  const ready = async () => {
    await listens();
    await reads(options, client, copies);
  };
  return { adapter: create, listens, close, ready };
}

// decode reads a message as the adapter does, and returns it as JSON text in the format of lines.js for stdin. An entry
// of a stream comes as JSON of its fields.
function decode(spec) {
  const { decode } = require("@msgpack/msgpack");
  const raw = Buffer.from(spec.raw, "base64");
  if (raw[0] !== 0x7b) return { decoded: JSON.stringify(exact(decode(raw))) };
  const { uid, nsp, type, data } = JSON.parse(raw);
  const message = { uid, nsp, type: parseInt(type, 10) };
  if (data) message.data = data.startsWith("{") ? JSON.parse(data) : decode(Buffer.from(data, "base64"));
  return { decoded: JSON.stringify(exact(message)) };
}

// watched notes what the adapter does with a client.
function watched(client) {
  client.watched = { subscribes: false, reads: 0 };
  for (const method of ["subscribe", "xRead", "xread"]) {
    if (!client[method]) continue;
    const inner = client[method].bind(client);
    client[method] = (...args) => {
      if (method === "subscribe") {
        client.watched.subscribes = true;
        return inner(...args);
      }
      return inner(...args).then((result) => {
        if (result) client.watched.reads++;
        return result;
      });
    };
  }
  return client;
}

// reads resolves when each stream is read. The adapter misses what is added before its first read, and also later
// until it has read something. Entries without a namespace are ignored by all nodes.
async function reads(options, client, copies) {
  const count = options.streamCount || 1;
  const names = [...Array(count).keys()].map((i) => (count === 1 ? options.stream : `${options.stream}-${i}`));
  await until(async () => {
    if (copies.filter((c) => c.watched.reads > 0).length === count) return true;
    for (const name of names) {
      await (client.xAdd ? client.xAdd(name, "*", { probe: "1" }) : client.xadd(name, "*", "probe", "1"));
    }
  });
}

// until calls f until it returns something.
async function until(f) {
  for (;;) {
    const result = await f();
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

module.exports = { start, join };
