"use strict";

// The commands of a peer that is a node of the cluster: a Socket.IO server with a real adapter.

const http = require("http");
const { Server } = require("socket.io");
const { report } = require("../../nodejs/lines");
const clients = require("./clients");

// start listens and returns the commands. hooks.adapter creates adapters; hooks.listens(nsp) resolves when the node
// listens to the namespace; hooks.close releases the resources of hooks.
async function start(config, hooks) {
  const server = http.createServer();
  const options = { adapter: hooks.adapter, maxHttpBufferSize: 1e8, serveClient: false };
  if (config.recovery) options.connectionStateRecovery = { maxDisconnectionDuration: config.recovery };
  const io = new Server(server, options);
  await new Promise((resolve) => server.listen({ port: 0, host: "127.0.0.1", exclusive: true }, resolve));

  const namespaces = new Map();

  function namespace(name) {
    let nsp = namespaces.get(name);
    if (nsp) return nsp;
    nsp = io.of(name);
    namespaces.set(name, nsp);
    for (const kind of ["join-room", "leave-room"]) {
      nsp.adapter.on(kind, (room, id) => report("room", { nsp: name, kind, room: String(room), id }));
    }
    return nsp;
  }

  // target applies to, except and flags to a namespace.
  function target(spec) {
    let op = namespace(spec.nsp);
    if (spec.to && spec.to.length) op = op.to(spec.to);
    if (spec.except && spec.except.length) op = op.except(spec.except);
    if (spec.volatile) op = op.volatile;
    if (spec.local) op = op.local;
    if (spec.compress !== undefined) op = op.compress(spec.compress);
    if (spec.timeout) op = op.timeout(spec.timeout);
    return op;
  }

  // collected emits with an acknowledgement and returns the text of the error together with the answers.
  function collected(op, event, args, method = "emit") {
    return new Promise((resolve) => {
      op[method](event, ...args, (err, values) => {
        resolve({ error: err ? err.message : undefined, values: values === undefined ? null : values });
      });
    });
  }

  const socketOf = (name) => {
    const { socket, nsp } = clients.get(name);
    const found = namespace(nsp).sockets.get(socket.id);
    if (!found) throw new Error(`client ${name} has no socket on the server`);
    return found;
  };

  async function remote(spec) {
    const found = (await namespace(spec.nsp).in(spec.socket).fetchSockets()).find((s) => s.id === spec.socket);
    if (!found) throw new Error(`no socket ${spec.socket} in the cluster`);
    switch (spec.op) {
      case "emit":
        found.emit(spec.event, ...(spec.args || []));
        return null;
      case "emitWithAck":
        return collected(found.timeout(spec.timeout || 5000), spec.event, spec.args || []);
      case "join":
        return void found.join(spec.rooms);
      case "leave":
        return void spec.rooms.forEach((room) => found.leave(room));
      case "disconnect":
        return void found.disconnect(!!spec.close);
    }
    throw new Error(`unknown operation ${spec.op}`);
  }

  // oddValues are values that JavaScript accepts as a room.
  const oddValues = {
    undefined: undefined, null: null, true: true, seven: 7, NaN: NaN, object: { a: 1 }, list: [["a"]],
  };

  // odd performs an operation with an odd value.
  async function odd(spec) {
    const nsp = namespace(spec.nsp);
    const value = oddValues[spec.value];
    const both = spec.to ? nsp.to(spec.to).to(value) : nsp.to(value);
    switch (spec.op) {
      case "join":
        return void (await socketOf(spec.client).join(value));
      case "to":
        return void both.emit(spec.event, ...(spec.args || []));
      case "except":
        return void nsp.except(value).emit(spec.event);
      case "toWithAck":
        return collected(both.timeout(20000), spec.event, []);
      case "fetchSockets":
        return (await both.fetchSockets()).map(({ id }) => id);
      case "socketsJoin":
        return void nsp.socketsJoin(value);
      case "socketsLeave":
        return void nsp.socketsLeave(value);
      case "disconnectSockets":
        return void both.disconnectSockets(true);
      case "data":
        return void (socketOf(spec.client).data = value);
      case "handshake": // the adapters throw without one
        return void (socketOf(spec.client).handshake = { issued: value, headers: value, url: "/x" });
    }
    throw new Error(`unknown operation ${spec.op}`);
  }

  // counted resolves when the node counts spec.count servers.
  async function counted(spec) {
    const { adapter } = namespace(spec.nsp);
    for (;;) {
      // adapters up to 0.3 notice an expired peer only when they send the next request
      if (adapter.getExpectedResponseCount) adapter.getExpectedResponseCount();
      const count = await adapter.serverCount();
      if (count === spec.count) return count;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  return {
    namespace: async (spec) => {
      const nsp = namespace(spec.nsp);
      await hooks.listens(spec.nsp);
      return { uid: nsp.adapter.uid };
    },
    connect: async (spec) => {
      const client = await clients.connect(server.address().port, spec);
      client.nsp = spec.nsp;
      const socket = socketOf(spec.client);
      if (spec.data !== undefined) socket.data = spec.data;
      if (spec.rooms && spec.rooms.length) await socket.join(spec.rooms);
      return { id: socket.id };
    },
    disconnect: (spec) => clients.remove(spec.client),
    answer: (spec) => void (clients.get(spec.client).ack = spec.ack),
    rooms: (spec) => [...socketOf(spec.client).rooms],
    emit: (spec) => void target(spec).emit(spec.event, ...(spec.args || [])),
    emitWithAck: (spec) => collected(target(spec), spec.event, spec.args || []),
    fetchSockets: async (spec) => {
      const found = await target(spec).fetchSockets();
      return found.map(({ id, handshake, rooms, data }) => ({ id, handshake, rooms, data }));
    },
    socketsJoin: (spec) => void target(spec).socketsJoin(spec.rooms),
    socketsLeave: (spec) => void target(spec).socketsLeave(spec.rooms),
    disconnectSockets: (spec) => void target(spec).disconnectSockets(!!spec.close),
    remote,
    odd,
    serverSideEmit: (spec) => void namespace(spec.nsp).serverSideEmit(spec.event, ...(spec.args || [])),
    serverSideEmitWithAck: (spec) => collected(namespace(spec.nsp), spec.event, spec.args || [], "serverSideEmit"),
    onServerSide: (spec) => {
      namespace(spec.nsp).removeAllListeners(spec.event);
      namespace(spec.nsp).on(spec.event, (...args) => {
        const ack = typeof args[args.length - 1] === "function" ? args.pop() : undefined;
        report("serverSide", { nsp: spec.nsp, event: spec.event, args, withAck: ack !== undefined });
        if (ack) clients.answer(spec.ack || { mode: "echo" }, ack, args);
      });
    },
    url: () => `http://127.0.0.1:${server.address().port}`,
    serverCount: (spec) => namespace(spec.nsp).adapter.serverCount(),
    awaitServerCount: counted,
    peers: (spec) => [...namespace(spec.nsp).adapter.nodesMap.keys()],
    closeNamespace: (spec) => {
      const { adapter } = namespace(spec.nsp);
      // adapters up to 0.3 restart their heartbeat forever if a pending publish ends after the close
      if (adapter.getExpectedResponseCount) adapter.scheduleHeartbeat = () => {};
      adapter.close();
    },
    close: async () => {
      await new Promise((resolve) => io.close(resolve));
      if (hooks.close) await hooks.close();
    },
    exit: (spec) => process.exit(spec.code || 0),
  };
}

module.exports = { start };
