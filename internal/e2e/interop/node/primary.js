"use strict";

// A primary with 0.5's setupPrimary and its workers. Commands go to a worker over its stdin instead of the IPC channel,
// because setupPrimary publishes everything that a worker sends over that channel.

const cluster = require("cluster");
// setupPrimary of 0.5.0 uses require("cluster").default, which Node.js does not have, and throws without it
cluster.default = cluster;
const readline = require("readline");
const { setupPrimary } = require("@socket.io/postgres-adapter");
const { report, NO_REPLY, OTHERS } = require("../../nodejs/lines");
const { createPool, createTable, listens, channelOf, adapterOptions } = require("./postgres");

async function start(config) {
  const pool = createPool(config);
  await createTable(pool, config);
  const primary = setupPrimary(pool, adapterOptions(config));
  // without "advanced", binary data between the workers and the primary becomes {type: "Buffer"}
  cluster.setupPrimary({ silent: true, serialization: "advanced" });

  const workers = new Map();
  const held = new Map(); // id of a namespace command => its channel

  async function pass(line) {
    const message = JSON.parse(line);
    if (message.ev === "ready") {
      await listens(channelOf(config, "/"));
      workers.get(message.worker).ready();
      return;
    }
    if (held.has(message.id)) {
      const channel = held.get(message.id);
      held.delete(message.id);
      if (!message.error) await listens(channel);
    }
    process.stdout.write(line + "\n");
  }

  function fork(number) {
    const worker = cluster.fork({ INTEROP_WORKER: String(number) });
    worker.process.stderr.pipe(process.stderr);
    readline.createInterface({ input: worker.process.stdout }).on("line", pass);
    worker.on("exit", () => {
      workers.delete(number);
      report("workerExit", { worker: number });
    });
    return new Promise((ready) => workers.set(number, { worker, ready }));
  }

  for (let number = 1; number <= (config.workers || 2); number++) await fork(number);

  const forward = (spec, request, line) => {
    const target = workers.get(request.worker || 1);
    if (!target) throw new Error(`no worker ${request.worker || 1}`);
    if (request.cmd === "namespace") held.set(request.id, channelOf(config, spec.nsp));
    target.worker.process.stdin.write(line + "\n");
    return NO_REPLY;
  };

  return {
    fork: (spec) => fork(spec.worker),
    killWorker: (spec) => void workers.get(spec.worker).worker.process.kill("SIGKILL"),
    exit: (spec) => process.exit(spec.code || 0),
    close: async () => {
      for (const { worker } of workers.values()) worker.process.stdin.end();
      primary.close();
      await pool.end();
    },
    [OTHERS]: forward,
  };
}

module.exports = { start };
