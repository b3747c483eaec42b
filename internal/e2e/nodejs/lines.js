"use strict";

// One JSON value per line, commands on stdin and replies and events on stdout. Values that JSON does not have are
// objects: bytes {"$bin": base64}, a date {"$date": milliseconds}, undefined {"$undefined": true}. Only on stdin: text
// that is not valid Unicode {"$utf16": [code units]}, and bytes in a class other than Buffer {"$view": class, "$bin":
// base64}.

const readline = require("readline");

const worker = process.env.INTEROP_WORKER ? Number(process.env.INTEROP_WORKER) : undefined;

function encode(value) {
  if (value === undefined) return { $undefined: true };
  if (value === null || typeof value !== "object") return typeof value === "function" ? { $function: true } : value;
  if (value instanceof ArrayBuffer) return { $bin: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { $bin: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Error) return { message: value.message };
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Set) return [...value].map(encode);
  const out = {};
  for (const key of Object.keys(value)) {
    if (value[key] !== undefined) out[key] = encode(value[key]);
  }
  return out;
}

function decode(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value.$view === "string") return view(value.$view, Buffer.from(value.$bin, "base64"));
  if (typeof value.$bin === "string") return Buffer.from(value.$bin, "base64");
  if (typeof value.$date === "number") return new Date(value.$date);
  if (value.$undefined === true) return undefined;
  if (Array.isArray(value.$utf16)) return String.fromCharCode(...value.$utf16);
  const out = {};
  for (const key of Object.keys(value)) out[key] = decode(value[key]);
  return out;
}

// view returns bytes as an ArrayBuffer, a DataView or a typed array.
function view(name, bytes) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return name === "ArrayBuffer" ? buffer : new globalThis[name](buffer);
}

function write(value) {
  if (worker !== undefined) value.worker = worker;
  process.stdout.write(JSON.stringify(value) + "\n");
}

// report writes an event.
function report(ev, fields) {
  const out = { ev };
  for (const key of Object.keys(fields || {})) out[key] = encode(fields[key]);
  write(out);
}

// serve executes the command of each line and writes its result. The process exits when stdin ends, so it ends with its
// parent.
function serve(commands) {
  const input = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  input.on("line", async (line) => {
    const request = JSON.parse(line);
    try {
      const command = commands[request.cmd] || commands[OTHERS];
      if (!command) throw new Error(`unknown command ${request.cmd}`);
      const result = await command(decode(request.in || {}), request, line);
      if (result !== NO_REPLY) write({ id: request.id, ok: encode(result === undefined ? null : result) });
    } catch (err) {
      write({ id: request.id, error: String((err && err.message) || err) });
    }
  });
  input.on("close", () => process.exit(0));
}

// NO_REPLY is returned by a command whose reply comes from elsewhere.
const NO_REPLY = Symbol("no reply");
// OTHERS is the key of the command for all names that have no other command.
const OTHERS = Symbol("others");

module.exports = { report, serve, NO_REPLY, OTHERS };
