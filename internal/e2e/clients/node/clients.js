"use strict";

// Real Socket.IO clients. Their events are reported with the client's name.

const { report } = require("../../nodejs/lines");

const packages = {
  "": "socket.io-client",
  4.5: "socket.io-client-4.5",
  "4.0": "socket.io-client-4.0",
  3: "socket.io-client-3",
  2: "socket.io-client-2",
};

const clients = new Map();
const managers = new Map();

// transportsOf replaces "fetch" by engine.io-client's transport over fetch().
function transportsOf(names) {
  return names.map((name) => (name === "fetch" ? require("engine.io-client").Fetch : name));
}

// managerOf returns the connection with this name, which several clients may share.
function managerOf(spec) {
  let manager = managers.get(spec.manager);
  if (manager) return manager;
  const { Manager } = require(packages[spec.version || ""]);
  const options = Object.assign({ reconnection: false, timeout: 30000, autoConnect: false }, spec.options);
  if (options.transports) options.transports = transportsOf(options.transports);
  manager = new Manager(spec.url, options);
  managers.set(spec.manager, manager);
  return manager;
}

// acknowledge answers every event with the client's name, except "mirror", whose arguments it returns, "silent", and
// "unless", which the named client does not answer.
function acknowledge(spec, event, args, ack) {
  if (event === "mirror") return ack(...args);
  if (event === "silent" || (event === "unless" && args[0] === spec.client)) return;
  ack(spec.client, ...args);
}

// receiveAny calls received for each event of a client of version 2, which has no onAny.
function receiveAny(socket, received) {
  const { onevent, emitBuffered } = socket;
  socket.onevent = function (packet) {
    if (!this.connected) return onevent.call(this, packet);
    const args = packet.data || [];
    if (packet.id != null) args.push(this.ack(packet.id));
    received(...args);
  };
  socket.emitBuffered = function () {
    for (const args of this.receiveBuffer.splice(0)) received(...args);
    emitBuffered.call(this);
  };
}

function create(spec) {
  const manager = managerOf(spec);
  const socket = manager.socket(spec.nsp || "/", Object.assign({ auth: spec.auth }, spec.socketOptions));
  const transcript = [];
  const tell = (what, fields) => {
    if (what === "event") {
      transcript.push(`${fields.event} connected=${socket.connected} recovered=${!!socket.recovered}`);
    }
    else if (what === "connect") transcript.push(`connect recovered=${fields.recovered}`);
    report("client", Object.assign({ client: spec.client, what }, fields));
  };
  clients.set(spec.client, { socket, manager, spec, transcript });
  const received = (event, ...args) => {
    const ack = typeof args[args.length - 1] === "function" ? args.pop() : undefined;
    tell("event", { event, args, withAck: ack !== undefined });
    if (ack) acknowledge(spec, event, args, ack);
  };
  if (socket.onAny) socket.onAny(received);
  else receiveAny(socket, received);
  socket.on("connect", () => {
    tell("connect", { id: socket.id, recovered: !!socket.recovered, transport: manager.engine.transport.name });
  });
  manager.on("open", () => {
    manager.engine.once("upgrade", (transport) => tell("upgrade", { transport: transport.name }));
  });
  if (spec.pings) manager.on("ping", () => tell("ping"));
  socket.on("connect_error", (err) => {
    const { message, data, description, type } = err;
    const status = typeof description === "number" ? description : 0;
    tell("connect_error", { message, data, kind: type || "", status });
  });
  if (spec.version === "2") {
    socket.on("error", (e) => tell("connect_error", { message: String((e && e.message) || e), data: e }));
  }
  socket.on("disconnect", (reason) => tell("disconnect", { reason }));
  socket.connect();
}

function get(name) {
  const client = clients.get(name);
  if (!client) throw new Error(`no client ${name}`);
  return client;
}

// flagged applies the flags of a client's emit.
function flagged(socket, spec) {
  let op = socket;
  if (spec.volatile) op = op.volatile;
  if (spec.compress !== undefined) op = op.compress(spec.compress);
  if (spec.timeout) op = op.timeout(spec.timeout);
  return op;
}

// asked emits and resolves to the acknowledged values, or with "promise" to the first one.
function asked(spec) {
  const op = flagged(get(spec.client).socket, spec);
  const args = spec.args || [];
  const failed = (err) => ({ error: err.message, values: [] });
  if (spec.promise) return op.emitWithAck(spec.event, ...args).then((v) => ({ values: [v] }), failed);
  return new Promise((resolve) => {
    op.emit(spec.event, ...args, (...values) => {
      const err = spec.timeout ? values.shift() : null;
      resolve(err ? failed(err) : { values });
    });
  });
}

module.exports = {
  connect: create,
  emit: (spec) => void flagged(get(spec.client).socket, spec).emit(spec.event, ...(spec.args || [])),
  send: (spec) => void flagged(get(spec.client).socket, spec).send(...(spec.args || [])),
  ask: asked,
  // burst emits this many numbered events at once.
  burst: (spec) => {
    const { socket } = get(spec.client);
    for (let i = 0; i < spec.count; i++) socket.emit(spec.event, i);
  },
  disconnect: (spec) => void get(spec.client).socket.disconnect(),
  // reconnect connects a disconnected client again, with another auth payload if one is given.
  reconnect: (spec) => {
    const { socket } = get(spec.client);
    if (spec.auth !== undefined) socket.auth = spec.auth;
    socket.connect();
  },
  // closeEngine closes the client's connection, so that the client reconnects.
  closeEngine: (spec) => void get(spec.client).manager.engine.close(),
  state: (spec) => {
    const { socket, manager, transcript } = get(spec.client);
    const engine = manager.engine;
    const ws = engine && engine.transport && engine.transport.ws;
    return {
      id: socket.id || "",
      connected: socket.connected,
      active: !!socket.active,
      transport: (engine && engine.transport && engine.transport.name) || "",
      extensions: (ws && ws.extensions) || "",
      maxPayload: (engine && engine._maxPayload) || 0,
      offset: socket._lastOffset || "",
      transcript: transcript.slice(),
    };
  },
  // remove removes a client, and closes the connection with its last client.
  remove: (spec) => {
    const { socket, manager } = get(spec.client);
    clients.delete(spec.client);
    socket.disconnect();
    for (const other of clients.values()) if (other.manager === manager) return;
    manager.reconnection(false);
    if (manager._close) manager._close();
    else manager.close();
    for (const [name, m] of managers) if (m === manager) managers.delete(name);
  },
};
