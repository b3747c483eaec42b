package core

import (
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// Trace has functions that the cluster calls when something happens. The root package, backplane, documents them: go
// doc backplane.Trace. Nil functions are not called.
type Trace struct {
	AttachmentStored func(nsp string, t codec.Type, bytes int, took time.Duration, err error)
	Published        func(messages, attachments int, took time.Duration, err error)
	Received         func(nsp string, t codec.Type, uid string)
	Dropped          func(*DropError)
	PartsSkipped     func(nsp string, t codec.Type, uid string, parts int)
	QueueFull        func(nsp string, t codec.Type)
	SessionLost      func(err error)
	SessionRecovered func(*GapError)
	PeerJoined       func(nsp, uid string)
	PeerLeft         func(nsp, uid string, expired bool)
	Replayed         func(ReplayInfo)
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

// Stats are counters since the cluster was opened, and its state. The root package, backplane, documents them: go doc
// backplane.Stats.
type Stats struct {
	Published         uint64
	PublishErrors     uint64
	PublishBatches    uint64
	AttachmentsStored uint64
	QueueDropped      uint64
	Received          uint64
	ReceivedOwn       uint64
	ReceiveDropped    uint64
	PartsSkipped      uint64
	Unsigned          uint64
	AttachmentReads   uint64
	SessionsLost      uint64
	Replayed          uint64
	Holes             uint64
	Unkept            uint64

	AttachmentErrors                     uint64
	Dropped                              map[DropReason]uint64
	Errors                               map[string]uint64
	Requests                             []RequestStats
	PeersJoined, PeersLeft, PeersExpired uint64
	BatchSize, PublishTime, RoundTrip    Histogram

	Namespaces, Peers, OpenRequests int
	Listening                       bool
	Deaf, LogLag                    time.Duration
	PublishQueue, ReceiveQueue      QueueStats
}

// ReplayInfo describes what was read from the log of a namespace, after an outage or when messages were missing. The
// root package, backplane, documents it.
type ReplayInfo struct {
	Namespace string
	Messages  int
	Missing   bool
	Took      time.Duration
}

type counters struct {
	published, publishErrors, publishBatches, attachmentsStored, queueDropped atomic.Uint64
	received, receivedOwn, receiveDropped, attachmentReads, sessions          atomic.Uint64
	unsigned, skipped, replayed, holes, unkept                                atomic.Uint64
	details
}

func (c *counters) snapshot() Stats {
	return Stats{
		Published: c.published.Load(), PublishErrors: c.publishErrors.Load(), PublishBatches: c.publishBatches.Load(),
		AttachmentsStored: c.attachmentsStored.Load(), QueueDropped: c.queueDropped.Load(), Received: c.received.Load(),
		ReceivedOwn: c.receivedOwn.Load(), ReceiveDropped: c.receiveDropped.Load(),
		PartsSkipped: c.skipped.Load(), Unsigned: c.unsigned.Load(), AttachmentReads: c.attachmentReads.Load(),
		SessionsLost: c.sessions.Load(), Replayed: c.replayed.Load(), Holes: c.holes.Load(),
		Unkept: c.unkept.Load(),
	}
}
