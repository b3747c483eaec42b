"use strict";

// The Node.js half of the cluster: a Socket.IO server with its Postgres adapter, exactly as without Go.

const { createServer } = require("http");
const { createAdapter } = require("@socket.io/postgres-adapter");
const { Pool } = require("pg");
const { Server } = require("socket.io");

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
    socket.join("lobby");
    socket.on("say", (text) => io.to("lobby").emit("said", "a client on Node.js", text));
    socket.on("who", async (answer) => {
      const sockets = await io.in("lobby").fetchSockets();
      answer(sockets.map((s) => s.id));
    });
  });

  server.listen(Number(process.env.PORT || 3000), "127.0.0.1", () => {
    console.log(`Node.js server on http://127.0.0.1:${server.address().port}`);
  });
}

main().catch((err) => {
  console.error(err.message);
  process.exit(1);
});
