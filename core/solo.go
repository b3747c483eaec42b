package core

import (
	"sync/atomic"
	"time"
)

// solo decides whether a caller waits for the bus.
//
// Emit returns when the bus has accepted the message, so that it can return the error if the bus does not. A node
// without peers has nobody to send to: its messages have reached all sockets as soon as they were applied to this
// process's own. Waiting for a round trip, on PostgreSQL about the time of a commit, would buy the caller nothing. So
// the caller of such a message does not wait. The message is published all the same: a peer that this node does not
// know yet may listen, and programs that only read the bus do.
//
// These rules keep the shortcut honest:
//
//   - It holds only for messages that nobody but peers uses (outgoing.forPeers): broadcasts, changes of rooms,
//     requests. The caller of Namespace or Close always waits.
//   - It does not hold for messages that a log keeps: Emit returns when they are kept.
//   - It holds only while the node knows that there are no peers: it has announced itself, every live node had time
//     to answer, none did, and the node is not deaf.
//   - When a message of a caller that did not wait fails, the error is reported to Config.ErrorHandler. From then on
//     callers wait and get the errors themselves, until the bus accepts a batch again, or the store an attachment.
//
// With a bus in memory the shortcut saves nothing that can be measured (BenchmarkEmit). With PostgreSQL it saves a
// caller that emits one event after the other the round trip, which is most of the time that Emit takes.
type solo struct {
	publishFailed atomic.Bool // the latest batch was not published as a whole
	storeFailed   atomic.Bool // the latest attachment was not stored
}

// mustWait reports whether the caller of o has to wait for the outcome.
func (s *solo) mustWait(o *outgoing, now time.Time) bool {
	return !o.forPeers || o.Keep || s.publishFailed.Load() || o.NeedsStore() && s.storeFailed.Load() ||
		!o.ns.hasNoPeers(now)
}

// published notes the outcome of a batch.
func (s *solo) published(err error) { s.publishFailed.Store(err != nil) }

// stored notes the outcome of an attachment.
func (s *solo) stored(err error) { s.storeFailed.Store(err != nil) }
