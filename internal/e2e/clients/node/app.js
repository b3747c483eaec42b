"use strict";

// The test application. goapp_test.go is the same in Go.

const namespaces = ["/", "/custom"];

// install adds the application to a server. tell reports its events.
function install(io, tell) {
  const dynamic = io.of(/^\/dynamic-\d+$/);
  const guarded = io.of((name, auth, next) => next(null, name.startsWith("/guarded-") && auth.key === "open"));
  io.held = [];
  for (const nsp of [...namespaces.map((name) => io.of(name)), dynamic, guarded]) {
    nsp.use((socket, next) => admit(io, tell, socket, next));
    nsp.on("connection", (socket) => connected(socket, tell));
  }
  for (const name of namespaces) {
    const nsp = io.of(name);
    for (const kind of ["create-room", "join-room", "leave-room", "delete-room"]) {
      nsp.adapter.on(kind, (room, id) => tell("room", { nsp: name, kind, room, id: id || "" }));
    }
    nsp.on("inform", (...args) => tell("serverSide", { nsp: name, event: "inform", args }));
    nsp.on("consult", (question, ack) => {
      tell("serverSide", { nsp: name, event: "consult", args: [question] });
      ack({ answer: question });
    });
  }
  io.on("new_namespace", (nsp) => tell("namespace", { nsp: nsp.name }));
}

// payloadOf returns the auth payload. Clients of version 2 have none in "/", but may have one in their query.
function payloadOf({ handshake }) {
  return handshake.query.payload ? JSON.parse(handshake.query.payload) : handshake.auth;
}

// admit is the middleware. Clients that it holds wait for the op "proceed".
function admit(io, tell, socket, next) {
  const { refuse, details, hold, early } = payloadOf(socket);
  for (const value of early || []) socket.emit("early", value);
  const decide = () => {
    if (refuse === undefined) return next();
    const err = new Error(refuse);
    err.data = details;
    next(err);
  };
  if (!hold) return decide();
  io.held.push(decide);
  tell("held", { nsp: socket.nsp.name, id: socket.id });
}

function connected(socket, tell) {
  const nsp = socket.nsp.name;
  const { query, headers, address, url, secure } = socket.handshake;
  const payload = payloadOf(socket);
  const auth = payload.deep ? {} : payload; // a deeply nested payload cannot be reported
  if (!socket.recovered && auth.rooms) socket.join(auth.rooms);
  if (!socket.recovered && auth.data) socket.data = auth.data;
  tell("connection", {
    nsp, id: socket.id, recovered: socket.recovered, auth, query, address, url, secure,
    header: headers["x-test"] || "", transport: socket.conn.transport.name, data: socket.data, rooms: [...socket.rooms],
  });
  socket.use(([event], next) => {
    if (event !== "forbidden") return next();
    next(new Error("you must not"));
  });
  socket.on("error", (err) => {
    tell("socketError", { nsp, id: socket.id, message: String((err && err.message) || err) });
  });
  socket.onAny((event, ...args) => {
    const withAck = typeof args[args.length - 1] === "function";
    if (withAck) args.pop();
    tell("event", { nsp, id: socket.id, event, args: event === "deep" ? [] : args, withAck });
  });
  socket.on("echo", (value, ack) => ack(value));
  socket.on("echo3", (a, b, c, ack) => ack(a, b, c));
  socket.on("nothing", (ack) => ack());
  socket.on("twice", (value, ack) => {
    ack(value);
    ack("once more");
  });
  socket.on("all", (...args) => args.pop()(...args, args.length));
  socket.on("auth", (ack) => ack(socket.handshake.auth));
  socket.on("back", (value) => socket.emit("back", value));
  socket.on("ask me", async (value, ack) => ack(await socket.emitWithAck("question", value)));
  socket.on("count", (n) => {
    for (let i = 0; i < n; i++) socket.emit("number", i);
  });
  socket.once("once", (ack) => ack());
  socket.on("disconnecting", (reason) => {
    tell("disconnecting", { nsp, id: socket.id, reason, rooms: [...socket.rooms] });
  });
  socket.on("disconnect", (reason) => tell("disconnect", { nsp, id: socket.id, reason }));
}

// run executes an op; see op_test.go.
async function run(io, op) {
  const nsp = io.of(op.nsp || "/");
  switch (op.call) {
    case "serverCount":
      return counted(nsp, op.count);
    case "proceed":
      return void io.held.splice(0).forEach((decide) => decide());
    case "clientsCount":
      return { values: [io.engine.clientsCount] };
    case "serverSideEmit":
      return void nsp.serverSideEmit(op.event, ...(op.args || []));
    case "serverSideEmitWithAck":
      return answered((ack) => nsp.serverSideEmit(op.event, ...(op.args || []), ack));
  }
  if (op.remote) return runRemote(nsp, op);
  if (!op.socket) return runOn(targetOf(nsp, op), op);
  const socket = nsp.sockets.get(op.socket);
  if (!socket) throw new Error(`no socket ${op.socket}`);
  return runSocket(socket, op);
}

// targetOf applies rooms and flags to a namespace or a socket.
function targetOf(on, op) {
  if (op.timeout) on = on.timeout(op.timeout);
  if (op.volatile) on = on.volatile;
  if (op.compress !== undefined) on = on.compress(op.compress);
  if (op.broadcast) on = on.broadcast;
  if (op.local) on = on.local;
  for (const rooms of op.to || []) on = on.to(rooms.length === 1 ? rooms[0] : rooms);
  if (op.except) on = on.except(op.except);
  return on;
}

async function runOn(target, op) {
  const args = op.args || [];
  switch (op.call) {
    case "emit":
      return void target.emit(op.event, ...args);
    case "send":
      return void target.send(...args);
    case "emitWithAck":
      return answered((ack) => target.emit(op.event, ...args, ack));
    case "fetchSockets":
      return {
        sockets: (await target.fetchSockets())
          .map(({ id, rooms, data, handshake }) => ({ id, rooms, data, auth: handshake.auth })),
      };
    case "socketsJoin":
      return void target.socketsJoin(op.rooms);
    case "socketsLeave":
      return void target.socketsLeave(op.rooms);
    case "disconnectSockets":
      return void target.disconnectSockets(!!op.close);
  }
  throw new Error(`unknown call ${op.call}`);
}

async function runSocket(socket, op) {
  switch (op.call) {
    case "join":
      return void (await socket.join(op.rooms));
    case "leave":
      return void op.rooms.forEach((room) => socket.leave(room));
    case "rooms":
      return { values: [...socket.rooms] };
    case "disconnect":
      return void socket.disconnect(!!op.close);
    case "transport":
      return { values: [socket.conn.transport.name] };
    case "emitWithAck": {
      if (op.to || op.except || op.broadcast || op.local) break;
      const target = targetOf(socket, op);
      return new Promise((resolve) => {
        target.emit(op.event, ...(op.args || []), (...values) => {
          const err = op.timeout ? values.shift() : null;
          resolve({ error: err ? err.message : undefined, values });
        });
      });
    }
  }
  return runOn(targetOf(socket, op), op);
}

async function runRemote(nsp, op) {
  const remote = (await nsp.in(op.remote).fetchSockets()).find((s) => s.id === op.remote);
  if (!remote) throw new Error(`no socket ${op.remote} in the cluster`);
  switch (op.call) {
    case "join":
      return void remote.join(op.rooms);
    case "leave":
      return void op.rooms.forEach((room) => remote.leave(room));
    case "disconnect":
      return void remote.disconnect(!!op.close);
    case "emit":
      return void remote.emit(op.event, ...(op.args || []));
    case "emitWithAck":
      return answered((ack) => remote.timeout(op.timeout).emit(op.event, ...(op.args || []), ack));
  }
  throw new Error(`unknown call ${op.call}`);
}

// answered resolves to the answers and the text of the error.
function answered(emit) {
  return new Promise((resolve) => {
    emit((err, values) => {
      resolve({ error: err ? err.message : undefined, values: values === undefined ? null : values });
    });
  });
}

// counted resolves when the namespace counts this many servers.
async function counted(nsp, count) {
  while ((await nsp.adapter.serverCount()) !== count) await new Promise((resolve) => setTimeout(resolve, 10));
}

module.exports = { namespaces, install, run };
