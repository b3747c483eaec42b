"use strict";

// A Socket.IO client: node client.js [URL [what to say]]. It prints what it gets until it is interrupted.

const { io } = require("socket.io-client");

const [url = "http://127.0.0.1:3000", ...words] = process.argv.slice(2);
const socket = io(url, { transports: ["websocket"] });

socket.on("connect", () => {
  console.log("connected as", socket.id);
  if (words.length) socket.emit("say", words.join(" "));
  socket.emit("who", (ids) => console.log("in the lobby:", ids.length));
});
socket.on("said", (who, text) => console.log(`${who}: ${text}`));
socket.on("connect_error", (err) => console.error(`${url}: ${err.message}`));
