package core

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/excerpt"
)

var (
	// ErrClosed is returned by the methods of a closed Cluster or Namespace.
	ErrClosed = errors.New("backplane: closed")
	// ErrQueueFull is returned by EmitAsync when the publishing queue is full. The message was not published.
	ErrQueueFull = errors.New("backplane: the publishing queue is full, the message was not published")
	// ErrUnconfirmed is wrapped by an error of publishing when the outcome is unknown: the context ended, or
	// Config.PublishTimeout passed, while the bus had the message, or the bus failed in the middle. The message may
	// have been sent, or may still be sent. An error without it means that the message was not sent.
	ErrUnconfirmed = fault.ErrUnconfirmed
	// ErrTimeout is wrapped by the PartialError of a request that ended at its timeout.
	ErrTimeout = errors.New("operation has timed out")
	// ErrRefused is matched by the PartialError of a request that some nodes refused.
	ErrRefused = errors.New("backplane: a node refused the request")
	// ErrAnswersTooLarge is wrapped by the PartialError of a request whose answers exceed Config.MaxAnswerBytes.
	ErrAnswersTooLarge = errors.New("backplane: the answers are too large")
	// ErrUnsigned is wrapped by the DropError of a message or an attachment without a valid signature of Config.Secret.
	ErrUnsigned = fault.ErrUnsigned
	// ErrDeaf is wrapped by the PartialError of a request if this node was deaf for some of the time: it could not
	// receive, because its listening session was broken (from Trace.SessionLost to Trace.SessionRecovered). Missing
	// nodes may have answered.
	ErrDeaf = errors.New("backplane: the node cannot hear the other nodes")
	// ErrNamespaceExists is returned for a namespace that is already open in this cluster.
	ErrNamespaceExists = errors.New("backplane: the namespace is open already in this cluster")
	// ErrSocketNotFound is returned by requests for one socket when no node has it.
	ErrSocketNotFound = errors.New("backplane: no node has a socket of this id")
	// ErrNoLoopback is returned by Start when the messages of this node do not come back to it.
	ErrNoLoopback = errors.New("backplane: the node does not hear its own messages; " +
		"a transaction-pooling proxy (such as PgBouncer) or a read-only replica may be in between: " +
		"give the driver a direct connection to the primary for listening")
	// ErrAttachmentReplaced is wrapped by the DropError of a message whose attachment was replaced by that of another
	// message under the same id. This can happen when PostgreSQL crashes (see postgres.Config.DurableAttachments).
	ErrAttachmentReplaced = fault.ErrAttachmentReplaced
	// ErrExited is the error of a call of the application's code that ended its goroutine with runtime.Goexit, as
	// testing.T.FailNow does.
	ErrExited = fault.ErrExited
	// ErrMalformedPosition is wrapped by the errors of texts that are not the text form of a Position.
	ErrMalformedPosition = errors.New("backplane: not a position of a log")
	// ErrSilent is the reason for giving up a session that received nothing for longer than it can be silent.
	ErrSilent = errors.New("backplane: connected, but nothing arrives")
)

// These errors are defined in package fault, because package emitter returns them too.
type (
	// NameError is returned for a namespace or prefix that cannot be used. Nothing was sent.
	NameError = fault.NameError
	// TooLargeError is returned for a message over Config.MaxMessageBytes, or over the bus's limit when there is no
	// store. Nothing was sent.
	TooLargeError = fault.TooLargeError
	// ConfigError is returned by New and Open for a Config that cannot work, and by the methods of a zero Target or
	// of one with a negative timeout.
	ConfigError = fault.ConfigError
	// ReservedEventError is returned for an event name that Socket.IO reserves.
	ReservedEventError = fault.ReservedEventError
	// OpError says which operation failed on which channel.
	OpError = fault.OpError
	// UnsupportedError is returned for an operation for which the dialect of the cluster has no message. Nothing was
	// done.
	UnsupportedError = fault.UnsupportedError
	// PanicError is the error of a call of the application's code that panicked.
	PanicError = fault.PanicError
)

// PartialError is returned with the answers that a request got. It names the nodes whose answers are missing.
type PartialError struct {
	Op string // "emit with acknowledgement", "fetch sockets", "server-side emit"
	// Missing are nodes that did not answer in time, or not for all of their clients, although they seemed to be
	// alive, and nodes that this node could not hear (ErrDeaf). This node is Missing if its own LocalSockets failed
	// (a *CallError).
	Missing []string
	// Clients is how many clients of the Missing nodes were asked and did not answer, as far as these nodes have said.
	Clients int
	// Refused are nodes that refused to answer because this node asked too much (Config.MaxRequestRate), or because
	// their answer would have been too large. If there are any, errors.Is(err, ErrRefused) is true.
	Refused []string
	// Left are nodes that closed, or became silent, while they were asked.
	Left []string
	// Err is ErrTimeout, the context's error, ErrDeaf, an error of publishing, ErrClosed or a *CallError. It is nil
	// if all nodes that are left have answered.
	Err error
}

func (e *PartialError) Error() string {
	var b strings.Builder
	b.WriteString("backplane: ")
	b.WriteString(e.Op)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if len(e.Missing) > 0 {
		fmt.Fprintf(&b, ": missing %d responses (%s)", len(e.Missing), excerpt.List(e.Missing))
	}
	if e.Clients > 0 {
		fmt.Fprintf(&b, ", among them %d clients that were asked", e.Clients)
	}
	if len(e.Refused) > 0 {
		fmt.Fprintf(&b, ": %d nodes refused (%s)", len(e.Refused), excerpt.List(e.Refused))
	}
	if len(e.Left) > 0 {
		fmt.Fprintf(&b, ": %d nodes left (%s)", len(e.Left), excerpt.List(e.Left))
	}
	return b.String()
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }

// Is reports whether target is ErrRefused and some nodes refused.
func (e *PartialError) Is(target error) bool { return target == ErrRefused && len(e.Refused) > 0 }

// GapError is reported when the node listens again after an outage. Messages that other nodes published meanwhile did
// not arrive and are not kept. Messages that this node published meanwhile may have arrived at the others; this error
// is not about them.
type GapError struct {
	// Since is the time from which on messages may be missing, by this process's clock. All messages of other nodes
	// whose publishing had returned by then have arrived, except those reported in a DropError. Since is when the
	// node handed its last heartbeat that came back to the bus: the bus delivers in one order, so everything that was
	// published before the heartbeat arrived before it. A session can end with much unread, so Since may be long
	// before the session was found broken: at most about Config.HeartbeatInterval if the session worked until then.
	Since time.Time
	// Deaf is the time from Since until the new session listened to everything. All messages published later arrive.
	Deaf time.Duration
	// Err is why the old session ended.
	Err error

	// With a log the error is reported when the messages that the log keeps were replayed. Filled reports that none of
	// them is missing, in any namespace that is logged. Replayed is how many were replayed. Unfilled says what could
	// not be.
	Filled   bool
	Replayed int
	Unfilled []*LogGap
}

func (e *GapError) Error() string {
	since, deaf := e.Since.Format("15:04:05.000"), e.Deaf.Round(time.Millisecond)
	switch {
	case e.Filled:
		return fmt.Sprintf("backplane: was deaf, at least since %s (%v), the log has filled the gap (%d messages): %v",
			since, deaf, e.Replayed, e.Err)
	case len(e.Unfilled) > 0:
		return fmt.Sprintf("backplane: was deaf, at least since %s (%v), %d messages were replayed, not all: %v: %v",
			since, deaf, e.Replayed, e.Unfilled[0], e.Err)
	}
	return fmt.Sprintf("backplane: was deaf, at least since %s (%v), messages of other nodes may be lost: %v",
		since, deaf, e.Err)
}

// Unwrap returns Err.
func (e *GapError) Unwrap() error { return e.Err }

// LogGap is reported, and is in GapError.Unfilled, when messages that a log kept cannot be replayed any more, because
// they were trimmed or the log was lost. Clients of this node have missed them.
type LogGap struct {
	Namespace string
	// From is the position of the last message before the gap, and To is the position after which messages arrive.
	From, To Position
	Err      error // ErrPositionTrimmed, ErrPositionEpoch, ErrPositionFuture, or why the log could not be read
}

func (e *LogGap) Error() string {
	return fmt.Sprintf("backplane: messages of %q after %s and up to %s are missing: %v",
		excerpt.Of(e.Namespace), e.From, e.To, e.Err)
}

// Unwrap returns Err.
func (e *LogGap) Unwrap() error { return e.Err }

// DropReason says why a received message was not delivered.
type DropReason string

// The reasons for which a received message is dropped.
const (
	DropMalformed  DropReason = "malformed"          // it cannot be parsed
	DropUnknown    DropReason = "unknown type"       // this version does not know its type
	DropSlow       DropReason = "slow receiver"      // the receive queue is full: LocalSockets is too slow
	DropAttachment DropReason = "attachment missing" // its attachment has expired, was replaced, or could not be read
	DropTooLarge   DropReason = "too large"          // it is larger than MaxMessageBytes
	DropForeign    DropReason = "other namespace"    // it names another namespace than that of its channel
	DropPeers      DropReason = "too many peers"     // its sender is new and there are MaxPeers peers
	DropUnsigned   DropReason = "unsigned"           // it was not signed with Config.Secret
	DropRate       DropReason = "too many requests"  // its sender exceeds MaxRequestRate or MaxPendingRequests
	DropAnswer     DropReason = "answer too large"   // it is a request whose answer cannot be sent
)

// DropError is reported when a received message is not delivered.
type DropError struct {
	Reason    DropReason
	Namespace string
	Type      codec.Type // 0 when unknown
	UID       string     // of the sender, cut after 128 bytes; empty when unknown
	Err       error      // may be nil
}

func (e *DropError) Error() string {
	s := fmt.Sprintf("backplane: dropped a message on %q: %s", excerpt.Of(e.Namespace), e.Reason)
	if e.Type != 0 {
		s += fmt.Sprintf(" (%s from %q)", e.Type, excerpt.Of(e.UID))
	}
	if e.Err != nil {
		s += ": " + excerpt.Error(e.Err)
	}
	return s
}

// Unwrap returns Err.
func (e *DropError) Unwrap() error { return e.Err }
