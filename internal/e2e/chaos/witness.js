"use strict";

// The Node.js node: a Socket.IO server with the real adapter and one client. It sends numbered messages and reports
// those it receives. It reads commands and writes events in the format of event.go, as the Go nodes do.

const http = require("http");
const readline = require("readline");
const { Server } = require("socket.io");
const { io: connect } = require("socket.io-client");
const { createAdapter } = require("@socket.io/postgres-adapter");
const { Pool } = require("pg");

const config = JSON.parse(process.argv[2]);
const note = (event) => process.stdout.write(JSON.stringify(Object.assign({ at: Date.now() * 1000 }, event)) + "\n");
const remark = (where) => (err) => note({ k: "log", e: `${where}: ${err && err.message}` });

process.on("unhandledRejection", remark("unhandled rejection"));
process.on("uncaughtException", remark("uncaught exception"));

async function main() {
  const pool = new Pool({ connectionString: config.url, max: 3 });
  pool.on("error", remark("pool"));
  const server = http.createServer();
  const io = new Server(server, {
    adapter: createAdapter(pool, {
      errorHandler: remark("adapter"), heartbeatInterval: config.heartbeat / 1e6, heartbeatTimeout: 6000,
    }),
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect(`http://127.0.0.1:${server.address().port}/`, { transports: ["websocket"] });
  client.on("message", (from, stream, seq, size, body) => {
    const event = { k: "got", f: from, s: stream, q: seq };
    const got = typeof body === "string" ? body.length : body.byteLength;
    if (got !== size) event.e = "its body has another size";
    note(event);
  });
  client.on("question", (answer) => answer(io.of("/").adapter.uid));
  io.of("/").on("question", (answer) => answer(io.of("/").adapter.uid));
  await new Promise((resolve) => client.once("connect", resolve));
  note({ k: "open", uids: { "/": io.of("/").adapter.uid } });

  let seq = 0;
  const timer = setInterval(() => {
    seq++;
    const body = `${config.number}.0.${seq} `;
    note({ k: "sent", n: "emit", s: 0, q: seq, b: Date.now() * 1000, o: "queued" });
    io.emit("message", config.number, 0, seq, body.length, body);
  }, 1000 / Math.min(config.rate, 20));

  const orders = {
    stop: () => {
      clearInterval(timer);
      note({ k: "stopped" });
    },
    fence: () => note({ k: "fenced" }),
    close: async () => {
      clearInterval(timer);
      note({ k: "closed", b: Date.now() * 1000 });
      process.exit(0);
    },
  };
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const order = orders[JSON.parse(line).do];
    if (order) order();
  }).on("close", () => process.exit(3));
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
