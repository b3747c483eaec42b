// A server of the benchmark with Node.js's Socket.IO under the best conditions: one transport, no compression, no
// client files to serve. It releases the handshake request, as Socket.IO's page on memory usage recommends.
"use strict";
const { createRequire } = require("node:module");
const http = require("node:http");
const path = require("node:path");
const readline = require("node:readline");
const load = createRequire(path.join(process.env.BACKPLANE_TEST_NODE_MODULES, "x.js"));
const { Server } = load("socket.io");

const say = (o) => process.stdout.write(JSON.stringify(o) + "\n");

const server = http.createServer();
const io = new Server(server, {
  transports: [process.argv[2]],
  serveClient: false,
  perMessageDeflate: false,
  httpCompression: false,
});
io.engine.on("connection", (raw) => { raw.request = null; });
io.on("connection", (socket) => {
  socket.on("go", (message) => io.emit("m", message));
  socket.on("q", (question, answer) => answer(question));
});

server.listen({ port: 0, host: "127.0.0.1" }, () => say({ addrs: ["127.0.0.1:" + server.address().port] }));

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { collect } = JSON.parse(line);
  if (collect) global.gc();
  const { user, system } = process.cpuUsage();
  say({ cpu: (user + system) / 1e6, rss: process.memoryUsage.rss() });
}).on("close", () => process.exit(0));
