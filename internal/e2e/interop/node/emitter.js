"use strict";

// The commands of a peer with @socket.io/postgres-emitter: a process outside the cluster that only sends.

const { Emitter } = require("@socket.io/postgres-emitter");

function start(config, pool) {
  // emitter.of() loses the options, so each namespace has its own emitter.
  function target(spec) {
    let op = new Emitter(pool, spec.nsp || "/", config.adapterOptions || {});
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
    close: () => pool.end(),
    exit: (spec) => process.exit(spec.code || 0),
  };
}

module.exports = { start };
