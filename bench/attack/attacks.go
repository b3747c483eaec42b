package main

import "time"

// Times within which the server must have disconnected a client, with a margin for a busy machine.
const (
	afterPing  = pingInterval + pingTimeout + 10*time.Second
	afterHead  = 40 * time.Second // timeouts of a request's header and body
	afterWhile = 10 * time.Second
)

// attacks returns all attacks.
func attacks() []attack {
	all := []attack{
		{name: "leave-waiting", what: "200 clients send 300 events to a handler that waits until they disconnect, " +
			"and disconnect",
			mount: leaveWaiting(200, 300), after: afterPing, bound: bound{peakMB: 60}},
		{name: "leave-asked", what: "50 clients send 5000 events while the server waits for their acknowledgement, " +
			"and disconnect",
			mount: leaveAsked(50, 5000), after: afterPing, bound: bound{peakMB: 150}},
		{name: "leave-large", what: "10 clients send 70 MB each to a handler that waits until they disconnect, and " +
			"disconnect",
			mount: leaveLarge(10, 70), after: afterPing, bound: bound{peakMB: 100}},
		{name: "leave-silently", what: "100 clients send 300 events to a handler that waits until they disconnect, " +
			"and fall silent",
			mount: leaveSilently(100, 300), after: afterPing, bound: bound{peakMB: 60}},
		{name: "namespaces", what: "a client joins 20,000 namespaces that a pattern allows",
			mount: namespaces(20_000), after: afterPing, bound: bound{peakMB: 20, cpuSeconds: 6}},
		{name: "rooms", what: "a client joins 300,000 rooms",
			mount: rooms(300_000), after: afterPing, bound: bound{peakMB: 60}},
		{name: "flood", what: "10 clients send events as fast as they can for 5 s",
			mount: flood(10, 5*time.Second), after: afterPing, bound: bound{peakMB: 100}},
		{name: "not-reading", what: "50 clients read nothing while 200 events of 64 KB are broadcast",
			mount: notReading(50, 200, 64<<10), after: afterPing, bound: bound{peakMB: 400}},
		{name: "half-messages", what: "200 clients send 900 KB of a message that never ends",
			mount: halfMessages(200, 900<<10), after: afterPing, bound: bound{peakMB: 500}},
		{name: "attachments", what: "200 clients send 9 of the 10 attachments of a packet, of 400 KB each",
			mount: attachments(200, 9, 400<<10), after: afterPing, bound: bound{peakMB: 500}},
		{name: "sessions", what: "2000 polling sessions with headers of 15 KB join no namespace",
			mount: sessions(2000, 15_000), after: afterPing, bound: bound{peakMB: 60}},
		{name: "deflate", what: "20 messages of 900 KB, compressed to 1 KB",
			server: setting{Compress: true}, mount: deflate(20, 900<<10), after: afterPing, bound: bound{peakMB: 60}},
		{name: "tree", what: "20 messages of 900 KB of deeply nested JSON with many small values",
			mount: tree(20, 900<<10), after: afterPing, bound: bound{peakMB: 300}},
		{name: "number", what: "a number of 100,000 digits for a handler that expects a number",
			mount: number(100_000), after: afterPing, bound: bound{peakMB: 10}},
	}
	for _, s := range []struct {
		suffix string
		server setting
	}{{"", setting{}}, {"-http", setting{HTTP: true}}} {
		all = append(all,
			attack{name: "bodies" + s.suffix, what: "300 requests announce a body and send nothing of it, or a byte " +
				"per second",
				server: s.server, mount: bodies(300), after: afterHead, bound: bound{peakMB: 40}},
			attack{name: "heads" + s.suffix, what: "300 connections send nothing, or a byte of a request per second",
				server: s.server, mount: heads(300), after: afterHead, bound: bound{peakMB: 40}})
	}
	return append(all, peerAttacks()...)
}
