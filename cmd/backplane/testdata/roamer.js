"use strict";

// An official Socket.IO client that can be moved from one server to another. It keeps its pid and its offset, as a
// client behind a load balancer does.

const { Manager } = require("socket.io-client");
const { report, serve } = require("../../../internal/e2e/nodejs/lines");

let manager;
let socket;

serve({
  connect: ({ url, auth }) => {
    manager = new Manager(url, { transports: ["websocket"], reconnectionDelay: 20, reconnectionDelayMax: 200 });
    socket = manager.socket("/", { auth });
    socket.onAny((event, ...args) => report("event", { event, args }));
    socket.on("connect", () => report("connect", { sid: socket.id, recovered: !!socket.recovered, url: manager.uri }));
    socket.on("disconnect", (reason) => report("disconnect", { reason }));
  },
  emit: ({ event, args }) => void socket.emit(event, ...args),
  ask: ({ event, args }) => socket.timeout(60000).emitWithAck(event, ...args),
  // pause keeps the client from reconnecting when its connection is lost, until it is told to return.
  pause: () => void manager.reconnection(false),
  // leave breaks the connection without a word to the server.
  leave: () => {
    manager.reconnection(false);
    manager.engine.close();
  },
  // return connects again, to a server.
  return: ({ url }) => {
    manager.uri = url;
    manager.reconnection(true);
    socket.connect();
  },
});

report("ready");
