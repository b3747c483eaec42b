package core

import (
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// Trace has functions that the cluster calls when something happens, for metrics and tests. Nil functions are not
// called. The cluster waits until a call returns, so the functions must not block. They are called from several
// goroutines at once.
type Trace struct {
	// AttachmentStored is called when the attachment of a message was stored, or could not be (err). bytes is its
	// size. took is the time since the message was queued.
	AttachmentStored func(nsp string, t codec.Type, bytes int, took time.Duration, err error)
	// Published is called when a batch of messages was published, or failed with err. attachments is how many of the
	// messages have an attachment.
	Published func(messages, attachments int, took time.Duration, err error)
	// Received is called before a message of another node is handled.
	Received func(nsp string, t codec.Type, uid string)
	// Dropped is called when a received message is not delivered.
	Dropped func(*DropError)
	// PartsSkipped is called when parts of another node's message, or of its attachment, were invalid or unknown and
	// were left out. The rest of the message is used. See codec.Codec.
	PartsSkipped func(nsp string, t codec.Type, uid string, parts int)
	// QueueFull is called when EmitAsync, an answer or a heartbeat found the publishing queue full. The message is
	// not sent.
	QueueFull func(nsp string, t codec.Type)
	// SessionLost is called when the node becomes deaf: its listening session has broken, or was found to have been
	// silent.
	SessionLost func(err error)
	// SessionRecovered is called when the node listens to all its channels again.
	SessionRecovered func(*GapError)
	// PeerJoined is called when a peer is seen for the first time.
	PeerJoined func(nsp, uid string)
	// PeerLeft is called when a peer has closed, or (expired) has sent no heartbeat for too long.
	PeerLeft func(nsp, uid string, expired bool)
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
	Published         uint64 // messages that the bus accepted
	PublishErrors     uint64 // messages that the bus or the store refused
	PublishBatches    uint64 // round trips to the bus
	AttachmentsStored uint64 // attachments written to the store
	QueueDropped      uint64 // messages that were not published because the queue was full
	Received          uint64 // messages of other nodes
	ReceivedOwn       uint64 // the node's own messages, which the bus returned to it
	ReceiveDropped    uint64 // messages of other nodes that were not delivered, for any DropReason
	PartsSkipped      uint64 // parts of messages that were invalid or unknown and left out, such as a room that is null
	Unsigned          uint64 // messages and attachments without a valid signature; part of ReceiveDropped
	AttachmentReads   uint64 // attachments read from the store
	SessionsLost      uint64 // times that the node became deaf
}

type counters struct {
	published, publishErrors, publishBatches, attachmentsStored, queueDropped atomic.Uint64
	received, receivedOwn, receiveDropped, attachmentReads, sessions          atomic.Uint64
	unsigned, skipped                                                         atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Published: c.published.Load(), PublishErrors: c.publishErrors.Load(), PublishBatches: c.publishBatches.Load(),
		AttachmentsStored: c.attachmentsStored.Load(), QueueDropped: c.queueDropped.Load(), Received: c.received.Load(),
		ReceivedOwn: c.receivedOwn.Load(), ReceiveDropped: c.receiveDropped.Load(),
		PartsSkipped: c.skipped.Load(), Unsigned: c.unsigned.Load(), AttachmentReads: c.attachmentReads.Load(),
		SessionsLost: c.sessions.Load(),
	}
}
