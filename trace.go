package backplane

import (
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

// Trace has functions that the cluster calls as things happen, for metrics and tests. Nil functions are not called. The
// cluster waits for each call. Several may run at the same time, and they must not block.
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
	// were left out. The rest of the message is used.
	PartsSkipped func(nsp string, t codec.Type, uid string, parts int)
	// QueueFull is called when EmitAsync, an answer or a heartbeat found the publishing queue full. The message is
	// not sent.
	QueueFull func(nsp string, t codec.Type)
	// SessionLost is called when the node becomes deaf: its listening session has broken, or was found to be silent.
	SessionLost func(err error)
	// SessionRecovered is called when the node listens to all its channels again.
	SessionRecovered func(*GapError)
	// PeerJoined is called when a peer is seen for the first time.
	PeerJoined func(nsp, uid string)
	// PeerLeft is called when a peer has closed, or (expired) has sent no heartbeat for too long.
	PeerLeft func(nsp, uid string, expired bool)
	// Replayed is called when a node with a log has passed on what it had missed.
	Replayed func(ReplayInfo)
}

// Stats are counters since the cluster was opened, and its state at this moment.
type Stats struct {
	// Published counts messages that the bus accepted.
	Published uint64
	// PublishErrors counts messages that the bus or the store refused.
	PublishErrors uint64
	// PublishBatches counts round trips to the bus.
	PublishBatches uint64
	// AttachmentsStored counts attachments written to the store.
	AttachmentsStored uint64
	// QueueDropped counts messages that were not published because the queue was full.
	QueueDropped uint64
	// Received counts messages of other nodes.
	Received uint64
	// ReceivedOwn counts the node's own messages, which the bus returned to it.
	ReceivedOwn uint64
	// ReceiveDropped counts messages of other nodes that were not delivered, for any DropReason.
	ReceiveDropped uint64
	// PartsSkipped counts parts of other nodes' messages that were invalid or unknown and left out, such as a room
	// that is null.
	PartsSkipped uint64
	// Unsigned counts messages and attachments without a valid signature of Config.Secret. They are part of
	// ReceiveDropped.
	Unsigned uint64
	// AttachmentReads counts attachments read from the store.
	AttachmentReads uint64
	// SessionsLost counts how often the node became deaf.
	SessionsLost uint64
	// Replayed counts messages that were read from the log because the node had missed them.
	Replayed uint64
	// Holes counts how often a message arrived from a log without the one before it.
	Holes uint64
	// Unkept counts messages of emitters and of nodes of this library that were not kept, although this node has a log
	// for their namespace. They were delivered.
	Unkept uint64

	// AttachmentErrors counts attachments that could not be written to the store.
	AttachmentErrors uint64
	// Dropped is ReceiveDropped by reason. It contains all reasons.
	Dropped map[DropReason]uint64
	// Errors counts the errors that were reported to Config.ErrorHandler, by operation (OpError.Op). The operation of
	// a CallError is "application", and that of an error without one "other". A DropError, a GapError and a LogGap do
	// not count. It contains all operations.
	Errors map[string]uint64
	// Requests counts the requests of this node that are over. It contains all kinds and outcomes.
	Requests []RequestStats
	// PeersJoined counts peers that were seen for the first time, PeersLeft those that have closed, and PeersExpired
	// those that have sent no heartbeat for too long, in all namespaces together.
	PeersJoined, PeersLeft, PeersExpired uint64
	// BatchSize is the number of messages of each batch for the bus. PublishTime is how long each batch took, in
	// seconds. RoundTrip is how long each heartbeat of this process took from the queue to the bus and back, in
	// seconds: one in each HeartbeatInterval.
	BatchSize, PublishTime, RoundTrip Histogram

	// Namespaces is the number of open namespaces, Peers the largest number of peers in one of them, and OpenRequests
	// the number of requests that wait for answers, at this moment.
	Namespaces, Peers, OpenRequests int
	// Listening reports whether the node listens. It is false while the node is deaf.
	Listening bool
	// Deaf is for how long the node has been deaf in total, including the outage of this moment (see GapError.Deaf).
	// LogLag is for how long the node has been behind the log, 0 if it is not: the largest of all namespaces.
	Deaf, LogLag time.Duration
	// PublishQueue has the messages that wait for the store or for the bus. Its Age is for how long the bus has had the
	// batch before them, or how long the first message has waited for the store. ReceiveQueue has the messages of all
	// namespaces that wait for LocalSockets. Its Age is the time since the first message arrived of those that
	// LocalSockets has not handled; it may be larger by the time in which one batch has arrived.
	PublishQueue, ReceiveQueue QueueStats
}

// QueueStats describes the queue of Stats at this moment. It has these fields:
//
//	Messages int
//	Bytes    int           // their size on the bus or in the store
//	Age      time.Duration // how long the oldest message has waited, 0 if none waits
type QueueStats = core.QueueStats

// RequestStats counts the requests of one kind with one outcome. It has these fields:
//
//	Kind    string // PartialError.Op
//	Outcome string // "complete", "timeout", "refused", "left" (a node has left), "canceled" or "failed"
//	Count   uint64
type RequestStats = core.RequestStats

// Histogram counts observations in buckets. It has a method, Count, and these fields:
//
//	Bounds []float64 // the upper bounds of the buckets, inclusive and ascending; the last bucket has none
//	Counts []uint64  // the observations in each bucket, one more than there are bounds
//	Sum    float64   // of all observations
type Histogram = core.Histogram
