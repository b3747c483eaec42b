package core

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

// presence makes the other nodes of a namespace know this one, and knows them. The dialect decides how: heartbeats
// are messages, and a census looks elsewhere.
type presence interface {
	// enter makes this node known once it listens. enterAsync does not wait; it repeats what fails, and is called again
	// after each outage.
	enter(ctx context.Context) error
	enterAsync()
	// leave makes this node unknown. leaveAsync does not wait longer than what is queued takes.
	leave(ctx context.Context) error
	leaveAsync(ctx context.Context)
	// close ends all calls of wait.
	close()
	// forgiveSilence is called after an outage, in which no peer could be heard.
	forgiveSilence()

	// tick does what is due. heard is when the session last proved that it works, zero when there is none. It reports
	// whether a peer is about to be given up.
	tick(now, heard time.Time) (doubtful bool)
	// prepare completes a message of this node about its presence before it is encoded.
	prepare(env *codec.Envelope)

	// heard notes a message of another node, other than a leave message. It returns false when there are too many
	// peers to track another one.
	heard(env *codec.Envelope, at time.Time) bool
	// left notes a leave message. announced notes the announcement of another node.
	left(env *codec.Envelope, at time.Time)
	announced()
	// answered notes that a peer has answered a request.
	answered(uid string)
	// ofLibrary reports whether a peer is known to be a node of this library.
	ofLibrary(uid string) bool
	// cameBack notes that a message of this node came back. announcement: it was an InitialHeartbeat.
	cameBack(announcement bool, at time.Time)
	// processRenamed and processForgotten are called when the process has another id, and when peers may have given it
	// up.
	processRenamed()
	processForgotten()

	// respondents returns the nodes that a request asks. mayRespond reports whether a request may wait for a node.
	respondents(ctx context.Context) ([]string, error)
	mayRespond(uid string) bool
	// uids returns the other nodes in alphabetical order, and number how many there are. wait returns once there are n.
	uids() []string
	number() int
	wait(ctx context.Context, n int) error
	// isEmpty reports whether there are certainly no other nodes.
	isEmpty(now time.Time) bool

	// admit returns the budget to which a request is charged, nil when the sender has asked too much. waits: the
	// request is pending until release is called. charge adds the number of sockets that it was about.
	admit(uid string, waits bool, now time.Time) *budget
	charge(b *budget, sockets int)
	release(b *budget)
}

// waitFor returns once there are at least n peers. look returns how many there are, whether the namespace is closed,
// and a channel that is closed when that changes. waitFor returns ErrClosed when the namespace is closed.
func waitFor(ctx context.Context, n int, look func() (peers int, closed bool, changed <-chan struct{})) error {
	for {
		peers, closed, changed := look()
		switch {
		case closed:
			return ErrClosed
		case peers >= n:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// newPresence returns what the dialect of the cluster needs.
func newPresence(ns *Namespace) presence {
	switch wire := ns.cluster.wire.Wire.(type) {
	case dialect.Census:
		return newCensus(ns, wire)
	case dialect.Counted:
		return newCensus(ns, newCounted(ns, wire))
	}
	return newHeartbeats(ns)
}
