package backplane

import (
	"time"

	"github.com/backplane-go/backplane/codec"
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

// Stats are counters since the cluster was opened.
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
}
