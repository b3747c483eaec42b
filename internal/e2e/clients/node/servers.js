"use strict";

// Socket.IO servers with the test application, which goapp_test.go has in Go. Their events are reported with the
// server's name.

const http = require("http");
const { Server } = require("socket.io");
const { report } = require("../../nodejs/lines");
const postgres = require("../../interop/node/postgres");
const redis = require("../../interop/node/redis");
const streams = require("../../interop/node/streams");
const application = require("./app");

const servers = new Map();

// start listens and resolves to the port.
async function start(spec) {
  const options = Object.assign({ serveClient: false }, spec.options);
  const nothing = async () => {};
  const node = { name: spec.server, options, ready: nothing, listens: nothing, sent: nothing, release: nothing };
  if (spec.databaseURL) await joinCluster(node, spec);
  if (spec.streams) await joinStreams(node, spec.streams);
  node.http = http.createServer();
  node.io = new Server(node.http, options);
  application.install(node.io, (what, fields) => {
    report("server", Object.assign({ server: spec.server, what }, fields));
  });
  await new Promise((resolve, reject) => {
    node.http.once("error", reject);
    node.http.listen({ port: spec.port || 0, host: "127.0.0.1", exclusive: true }, resolve);
  });
  await node.ready();
  for (const nsp of application.namespaces) await node.listens(nsp);
  servers.set(spec.server, node);
  return { port: node.http.address().port };
}

async function joinCluster(node, spec) {
  const config = { databaseURL: spec.databaseURL, poolSize: 3, adapterOptions: spec.adapterOptions };
  const pool = postgres.createPool(config);
  node.sent = watch(pool);
  await postgres.createTable(pool, config);
  const { createAdapter } = require("@socket.io/postgres-adapter");
  node.options.adapter = createAdapter(pool, postgres.adapterOptions(config));
  node.listens = (nsp) => postgres.listens(postgres.channelOf(config, nsp));
  node.release = () => pool.end();
}

async function joinStreams(node, options) {
  const { adapter, listens, close, ready } = await streams.join(options, await redis.connect(options));
  node.options.adapter = adapter;
  Object.assign(node, { listens, release: close, ready });
}

// watch returns a function that resolves when all statements have been executed. The pool executes statements on
// several connections, so their order may change unless one waits.
function watch(pool) {
  const running = new Set();
  const query = pool.query;
  pool.query = function (...args) {
    const result = query.apply(this, args);
    if (result && typeof result.then === "function") {
      const done = () => running.delete(result);
      running.add(result);
      result.then(done, done);
    }
    return result;
  };
  return async () => {
    do {
      await Promise.allSettled([...running]);
      await new Promise(setImmediate); // a large message is stored before it is sent
    } while (running.size > 0);
  };
}

function get(name) {
  const node = servers.get(name);
  if (!node) throw new Error(`no server ${name}`);
  return node;
}

async function stop(spec) {
  const node = get(spec.server);
  servers.delete(spec.server);
  await new Promise((resolve) => node.io.close(resolve));
  await node.release();
}

module.exports = {
  start,
  stop,
  do: async (spec) => {
    const node = get(spec.server);
    const result = await application.run(node.io, spec);
    await node.sent();
    return result;
  },
};
