"use strict";

// For the page of "backplane demo": its strip names the servers of the cluster and draws what goes from one to another,
// as they tell each other with the server-side event "node". A server that does not tell is in the strip too, under its uid.

/** announce tells the others about this server, five times a second if there is news and once a second if there is none. */
function announce(io, { name, url = "" }) {
  const { uid } = io.of("/").adapter;
  let beat = 0;
  let changed = true; // who is connected
  let sent = 0; // events to clients in this second
  let rate = 0;
  let got = {}; // how many of what was said on which server, since the last time

  io.on("connection", (socket) => {
    changed = true;
    socket.on("disconnect", () => (changed = true));
    socket.onAnyOutgoing((event, message) => {
      sent++;
      if (event !== "typing" && typeof message?.node === "string") got[message.node] = (got[message.node] ?? 0) + 1;
    });
  });

  return setInterval(() => {
    const second = ++beat % 5 === 0;
    if (second) [rate, sent] = [sent, 0];
    if (!second && !changed && Object.keys(got).length === 0) return;
    io.serverSideEmit("node", { uid, name, url, rate, got, changed });
    [got, changed] = [{}, false];
  }, 200);
}

module.exports = { announce };
