"use strict";

// A Node.js process with Socket.IO clients of several versions, and Socket.IO servers to compare with. It executes
// commands and reports events in the format of ../../nodejs/lines.js, and exits when stdin ends.

const { report, serve } = require("../../nodejs/lines");

process.on("unhandledRejection", (err) => report("error", { message: String((err && err.stack) || err) }));

serve(Object.assign({}, require("./clients"), require("./servers")));
report("ready");
