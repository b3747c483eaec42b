"use strict";

// Reads the notifications of a message as socket.io-adapter-postgres does, with the same decoder.

const msgpack = require("notepack.io");

// decode returns the channel, the id that the pieces of a large message share, and the content as JSON text in the
// format of lines.js for stdin. Keys keep their order.
function decode(raw) {
  const notifications = raw.map((text) => JSON.parse(text));
  const channel = notifications[0][0];
  let payloadid;
  const pieces = notifications.map(([, payload]) => {
    if (!payload.startsWith("_chunk_")) return payload;
    payloadid = payload.split("_")[2];
    return payload.slice(50);
  });
  const text = pieces.join("");
  const content = text.startsWith("{") ? JSON.parse(text) : broadcast(msgpack.decode(Buffer.from(text, "base64")));
  return { channel, payloadid, decoded: JSON.stringify(exact(content)) };
}

const broadcast = ([uid, packet, opts]) => ({ uid, packet, opts });

// exact encodes a value without losing undefined or the class ArrayBuffer.
function exact(value) {
  if (value === undefined) return { $undefined: true };
  if (value === null || typeof value !== "object") return value;
  if (Buffer.isBuffer(value)) return { $bin: value.toString("base64") };
  if (value instanceof ArrayBuffer) return { $view: "ArrayBuffer", $bin: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return { $date: value.getTime() };
  if (Array.isArray(value)) return value.map(exact);
  return Object.fromEntries(Object.keys(value).map((key) => [key, exact(value[key])]));
}

module.exports = { decode, exact };
