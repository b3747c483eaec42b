"use strict";

// A Socket.IO client: node client.js [--name NAME] [--room ROOM] [URL [TEXT]]. It sends TEXT, and prints what it
// receives until it is interrupted.

const { parseArgs } = require("util");
const { io } = require("socket.io-client");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: "string" }, room: { type: "string" } },
});
const { name, room } = values;
const [url = "http://127.0.0.1:3003", ...words] = positionals;
const socket = io(url, { transports: ["websocket"], auth: { name } });

socket.on("connect", async () => {
  if (room) await socket.emitWithAck("join", room);
  console.log("connected as", socket.id);
  if (words.length) socket.emit("chat message", { room, text: words.join(" ") });
});
socket.on("chat message", ({ from, room, text }) => console.log(`${from}${room ? ` in ${room}` : ""}: ${text}`));
socket.on("image", ({ from, type, data }) => console.log(`${from} sends a picture: ${type}, ${data.length} bytes`));
socket.on("connect_error", (err) => console.error(`${url}: ${err.message}`));
