"use strict";

// Real Socket.IO clients in the process of the node that they connect to.

const { report } = require("../../nodejs/lines");

const clients = new Map();

// answer calls an acknowledgement as configured: {mode: "value", value, delay}, "values", "echo" (the arguments),
// "empty" (without a value) or "none" (never).
function answer(how, ack, args) {
  const give = () => {
    switch (how.mode) {
      case "none":
        return;
      case "empty":
        return ack();
      case "echo":
        return ack(args);
      case "values":
        return ack(...how.value);
      default:
        return ack(how.value);
    }
  };
  if (how.delay) setTimeout(give, how.delay);
  else give();
}

// connect resolves to the connected client. io is the client's package, by default the latest version.
function connect(port, spec, io = require("socket.io-client")) {
  const socket = io(`http://127.0.0.1:${port}${spec.nsp}`, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    auth: spec.auth,
    query: spec.query,
    extraHeaders: spec.headers,
  });
  const client = { socket, ack: spec.ack || { mode: "echo" } };
  clients.set(spec.client, client);
  onAny(socket, (event, ...args) => {
    const ack = typeof args[args.length - 1] === "function" ? args.pop() : undefined;
    report("client", { nsp: spec.nsp, client: spec.client, event, args, withAck: ack !== undefined });
    if (ack) answer(client.ack, ack, args);
  });
  socket.on("disconnect", (reason) => report("clientDisconnect", { nsp: spec.nsp, client: spec.client, reason }));
  return new Promise((resolve, reject) => {
    socket.once("connect", () => resolve(client));
    socket.once("connect_error", reject);
  });
}

// onAny calls received with every event. Clients of version 2 have no method for that.
function onAny(socket, received) {
  if (socket.onAny) return socket.onAny(received);
  socket.onevent = ({ data, id }) => received(...data, ...(id == null ? [] : [socket.ack(id)]));
}

function get(name) {
  const client = clients.get(name);
  if (!client) throw new Error(`no client ${name}`);
  return client;
}

function remove(name) {
  const client = get(name);
  clients.delete(name);
  client.socket.close();
}

module.exports = { answer, connect, get, remove };
