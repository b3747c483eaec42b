"use strict";

// For the page of "backplane demo". Its diagram shows the servers of the cluster and the messages between them. The
// servers announce themselves with the server-side event "node". A server that does not is shown under its uid.

/** announce announces this server to the others: five times a second after a change, otherwise once a second. */
function announce(io, { name, url = "" }) {
  const { uid } = io.of("/").adapter;
  let beat = 0;
  let changed = true; // whether clients have come or gone
  let sent = 0; // events that were sent to clients in this second
  let rate = 0;
  let got = {}; // messages received since the last announcement, by the server where they were sent

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
