"use strict";

// A Node.js peer for tests. Its only argument is its configuration as JSON; see Config in ../peer.go. It executes
// commands and writes replies and events in the format of ../../nodejs/lines.js, and exits when stdin ends.

const cluster = require("cluster");
const { report, serve } = require("../../nodejs/lines");
const { createPool, createTable, listens, channelOf, adapterOptions } = require("./postgres");

const packages = {
  "0.5": "@socket.io/postgres-adapter",
  "0.4": "postgres-adapter-0.4",
  "0.3": "postgres-adapter-0.3",
};

async function main() {
  const config = JSON.parse(process.argv[2]);
  if (config.adapter === "cluster") {
    return cluster.isPrimary ? require("./primary").start(config) : worker(config);
  }
  if (config.adapter === "legacy") return require("./legacy").start(config);
  if (config.adapter.startsWith("redis-")) return require("./redis").start(config);
  const pool = createPool(config);
  await createTable(pool, config);
  if (config.adapter === "emitter") return require("./emitter").start(config, pool);

  const { createAdapter } = require(packages[config.adapter]);
  const commands = await require("./server").start(config, {
    adapter: createAdapter(pool, adapterOptions(config)),
    listens: (nsp) => listens(channelOf(config, nsp)),
    close: () => pool.end(),
  });
  await listens(channelOf(config, "/"));
  return commands;
}

function worker(config) {
  const { createAdapter } = require("@socket.io/cluster-adapter");
  process.setMaxListeners(0); // the adapter adds a listener for each namespace
  return require("./server").start(config, {
    adapter: createAdapter(config.adapterOptions),
    listens: async () => {}, // the primary listens
  });
}

process.on("unhandledRejection", (err) => report("error", { where: "unhandledRejection", message: String(err) }));

main().then(
  (commands) => {
    serve(commands);
    report("ready", { pid: process.pid });
  },
  (err) => {
    console.error(err);
    process.exit(1);
  }
);
