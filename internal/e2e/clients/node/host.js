"use strict";

// A Node.js process of these tests: Socket.IO clients of several versions, and Socket.IO servers to compare with. It takes
// commands and reports what happens as ../../nodejs/lines.js says, and ends when stdin does.

const { report, serve } = require("../../nodejs/lines");

process.on("unhandledRejection", (err) => report("error", { message: String((err && err.stack) || err) }));

serve(Object.assign({}, require("./clients"), require("./servers")));
report("ready");
