"use strict";

// The Node.js half of the cluster: a chat on a Socket.IO server with its Postgres adapter. Nothing in it
// depends on Go.

const { createServer } = require("http");
const { createAdapter } = require("@socket.io/postgres-adapter");
const { Pool } = require("pg");
const { Server } = require("socket.io");
const { announce } = require("./announce");

const isText = (value, most) => typeof value === "string" && value.trim() !== "" && value.length <= most;

/** chat handles the text messages of a client, like the servers of "backplane demo". */
function chat(io, socket) {
  const uid = io.of("/").adapter.uid; // the name of this server in the cluster
  const { name } = socket.handshake.auth;
  socket.data.name = isText(name, 24) ? name : "somebody on Node.js"; // fetchSockets shows it on every server

  const on = (event, handler) =>
    socket.on(event, (...args) => {
      const done = typeof args.at(-1) === "function" ? args.pop() : () => {};
      const error = handler(...args);
      done(error ? { error } : { ok: true });
    });

  on("join", (room) => (isText(room, 64) ? void socket.join(room) : "a room needs a name"));
  on("leave", (room) => (room === socket.id ? "nobody leaves the room of its own" : void socket.leave(room)));
  on("chat message", (said) => {
    const { room, text } = said ?? {};
    if (!isText(text, 2000)) return "there is no text, or too much";
    if (room && !isText(room, 64)) return "there is no such room";
    const message = { from: socket.data.name, node: uid, room: room || null, text, at: Date.now() };
    (room ? io.to(room) : io).emit("chat message", message); // on all servers
  });
}

async function main() {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });
  pool.on("error", (err) => console.error("pool:", err.message));
  await pool.query(
    `CREATE TABLE IF NOT EXISTS socket_io_attachments
     (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)`
  );

  const server = createServer();
  const io = new Server(server, { adapter: createAdapter(pool) });
  io.on("connection", (socket) => {
    chat(io, socket);
    socket.on("who", async (answer) => answer((await io.fetchSockets()).map((s) => s.data?.name ?? s.id)));
  });

  server.listen(Number(process.env.PORT || 3003), "127.0.0.1", () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    const announcing = announce(io, { name: process.env.NAME || "Node.js" });
    console.log(`Node.js server on ${url}`);
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, async () => {
        clearInterval(announcing);
        await io.close(); // disconnects the clients and announces to the other servers that this one leaves
        await pool.end();
      });
    }
  });
}

main().catch((err) => {
  console.error(err.message);
  process.exit(1);
});
