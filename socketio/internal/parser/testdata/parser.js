"use strict";

// Encodes and decodes packets with Socket.IO's own parser. Each line of stdin is an array of messages to
// decode, or a packet to encode; each line of stdout is the result. Binary data is written {"$bytes":
// "<base64>"}.
const { Decoder, Encoder } = require("socket.io-parser");

function revive(value) {
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "base64");
  for (const key of Object.keys(value)) {
    const property = { value: revive(value[key]), enumerable: true, writable: true, configurable: true };
    Object.defineProperty(value, key, property);
  }
  return value;
}

function write(value) {
  if (Buffer.isBuffer(value)) return `{"$bytes":"${value.toString("base64")}"}`;
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value === null || typeof value !== "object") return value === undefined ? "null" : JSON.stringify(value);
  return `{${Object.keys(value).map((key) => `${JSON.stringify(key)}:${write(value[key])}`).join(",")}}`;
}

function decode(messages) {
  const decoder = new Decoder();
  let packet = null;
  decoder.on("decoded", (p) => (packet = p));
  try {
    for (const message of messages) decoder.add(message);
  } catch (e) {
    return `{"error":${JSON.stringify(e.message)}}`;
  }
  if (packet === null) return "{}";
  const id = packet.id === undefined ? -1 : packet.id;
  return `{"type":${packet.type},"namespace":${JSON.stringify(packet.nsp)},"id":${write(id)},` +
    `"data":${write(packet.data)}}`;
}

function encode(packet) {
  return write(new Encoder().encode(packet));
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
for (const line of lines) {
  if (line === "") continue;
  const request = revive(JSON.parse(line));
  process.stdout.write((Array.isArray(request) ? decode(request) : encode(request)) + "\n");
}
