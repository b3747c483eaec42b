"use strict";

// Answers each line of stdin, a request as JSON, with a line of JSON. It encodes bodies of Engine.IO 3 with the
// server's parser, and decodes them with the parser of the server or of the client, to the types of packets and their
// data. Bodies, bytes and decoded data are hexadecimal.

const path = require("path");
const readline = require("readline");

const modules = process.env.BACKPLANE_TEST_NODE_MODULES;
const server = require(path.join(modules, "engine.io/build/parser-v3/index.js"));
const client = require(path.join(modules, "socket.io-client-2/node_modules/engine.io-parser"));

function encode({ packets, bytes }) {
  const all = packets.map(({ type, text, hex }) => {
    return { type, data: hex === undefined ? text : Buffer.from(hex, "hex") };
  });
  let out;
  server.encodePayload(all, bytes, (data) => (out = data));
  return { binary: typeof out !== "string", body: Buffer.from(out).toString("hex") };
}

function decode({ body, binary, byClient }) {
  const parser = byClient ? client : server;
  const bytes = Buffer.from(body, "hex");
  const packets = [];
  parser.decodePayload(binary ? bytes : bytes.toString(), undefined, ({ type, data }) => {
    const kind = Buffer.isBuffer(data) && type === "message" ? "bytes" : type;
    packets.push(`${kind} ${Buffer.from(data || "").toString("hex")}`);
  });
  return { packets };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  console.log(JSON.stringify(request.packets ? encode(request) : decode(request)));
});
