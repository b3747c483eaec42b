package core

import (
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// Trace is told what the cluster does, for metrics and tests. Nil funcs are not called. The cluster waits for
// each call. There may be several at a time, and they must not block.
type Trace struct {
	// Stored: the attachment of a message was stored, or was not (err). bytes is its size, took the time since the message was queued.
	Stored func(nsp string, t codec.Type, bytes int, took time.Duration, err error)
	// Published: a batch of so many messages went out, or failed with err. spilled is how many of them have an attachment.
	Published func(messages, spilled int, took time.Duration, err error)
	// Received: a message of another node is about to be handled.
	Received func(nsp string, t codec.Type, uid string)
	// Dropped: a received message was not delivered.
	Dropped func(*DropError)
	// Skipped: parts of another node's message, or of its attachment, were invalid or unknown and left out. The rest was used.
	// See codec.Codec.
	Skipped func(nsp string, t codec.Type, uid string, parts int)
	// QueueFull: EmitAsync, an answer or a heartbeat found the publishing queue full.
	QueueFull func(nsp string, t codec.Type)
	// SessionLost: the node is deaf, and has been for an unknown time.
	SessionLost func(err error)
	// SessionRecovered: the node listens to everything again.
	SessionRecovered func(*GapError)
	// PeerJoined and PeerLeft: a peer was seen for the first time; it closed, or (expired) fell silent.
	PeerJoined func(nsp, uid string)
	PeerLeft   func(nsp, uid string, expired bool)
}

// SetTrace replaces Config.Trace. Use it for a Trace that calls something that is made after the cluster, such as a
// Socket.IO server:
//
//	cluster, err := backplane.Open(ctx, config)
//	// …
//	io, err := socketio.NewServer(socketio.Config{Cluster: cluster})
//	// …
//	cluster.SetTrace(backplane.Trace{
//		SessionRecovered: func(*backplane.GapError) { _ = io.Local().EmitAsync("reload") },
//	})
//
// A func of the previous Trace may still run when SetTrace returns.
func (c *Cluster) SetTrace(t Trace) { c.hooks.Store(&t) }

// Stats are counts since the cluster was started.
type Stats struct {
	Published       uint64 // messages handed to the bus without an error
	PublishErrors   uint64 // messages that the bus or the store did not take
	PublishBatches  uint64 // round trips to the bus
	Spilled         uint64 // attachments stored
	QueueDropped    uint64 // messages not published because the queue was full
	Received        uint64 // messages of other nodes
	ReceivedOwn     uint64 // the node's own messages, which came back and were dropped
	ReceiveDropped  uint64 // messages of other nodes that were not delivered, for any DropReason
	Skipped         uint64 // parts of other nodes' messages that were invalid or unknown and left out, such as a room that is null
	Unsigned        uint64 // messages and attachments dropped because Config.Secret did not sign them; among ReceiveDropped
	AttachmentReads uint64 // attachments fetched from the store
	SessionsLost    uint64 // times that the node became deaf
}

type counters struct {
	published, publishErrors, publishBatches, spilled, queueDropped  atomic.Uint64
	received, receivedOwn, receiveDropped, attachmentReads, sessions atomic.Uint64
	unsigned, skipped                                                atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Published: c.published.Load(), PublishErrors: c.publishErrors.Load(), PublishBatches: c.publishBatches.Load(),
		Spilled: c.spilled.Load(), QueueDropped: c.queueDropped.Load(), Received: c.received.Load(),
		ReceivedOwn: c.receivedOwn.Load(), ReceiveDropped: c.receiveDropped.Load(),
		Skipped: c.skipped.Load(), Unsigned: c.unsigned.Load(), AttachmentReads: c.attachmentReads.Load(), SessionsLost: c.sessions.Load(),
	}
}
