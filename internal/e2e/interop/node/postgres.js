"use strict";

// The pool of a peer's adapter. It shows the tests when a LISTEN has become active, which the adapters do not report.

const { Pool, Client } = require("pg");
const { report } = require("../../nodejs/lines");

const listening = new Set();
let waiters = [];

// listens resolves when this process listens on channel and its adapter has added its handler (adapters up to 0.4 add
// it after the LISTEN).
function listens(channel) {
  if (listening.has(channel)) return Promise.resolve();
  return new Promise((resolve) => waiters.push({ channel, resolve }));
}

class WatchedClient extends Client {
  query(...args) {
    const result = super.query(...args);
    const match = typeof args[0] === "string" && /^LISTEN "(.*)"$/.exec(args[0]);
    if (match && result && typeof result.then === "function") {
      result.then(() => setImmediate(() => heard(match[1])), () => {});
    }
    return result;
  }
}

function heard(channel) {
  listening.add(channel);
  waiters = waiters.filter((w) => {
    if (w.channel === channel) w.resolve();
    return w.channel !== channel;
  });
}

function createPool(config) {
  const pool = new Pool({ connectionString: config.databaseURL, max: config.poolSize || 5, Client: WatchedClient });
  pool.on("error", (err) => report("error", { where: "pool", message: err.message }));
  return pool;
}

// createTable creates the attachments table, which no adapter does. Peers that start at the same time race in
// PostgreSQL's catalog, even with IF NOT EXISTS.
async function createTable(pool, config) {
  const table = (config.adapterOptions || {}).tableName || "socket_io_attachments";
  try {
    await pool.query(
      `CREATE TABLE IF NOT EXISTS ${table} (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)`
    );
  } catch (err) {
    if (err.code !== "23505" && err.code !== "42P07") throw err;
  }
}

function channelOf(config, nsp) {
  return `${(config.adapterOptions || {}).channelPrefix || "socket.io"}#${nsp}`;
}

// adapterOptions returns the options with an errorHandler that reports errors as events.
function adapterOptions(config) {
  return Object.assign({}, config.adapterOptions, {
    errorHandler: (err) => report("error", { where: "adapter", message: err.message, code: err.code || "" }),
  });
}

module.exports = { createPool, createTable, listens, channelOf, adapterOptions };
