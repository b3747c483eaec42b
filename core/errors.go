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
	// ErrClosed is returned by whatever is called on a closed Cluster or Namespace.
	ErrClosed = errors.New("backplane: closed")
	// ErrQueueFull is returned by EmitAsync when the publishing queue is at its bound: the message was not published.
	ErrQueueFull = errors.New("backplane: the publishing queue is full, the message was not published")
	// ErrUnconfirmed is in an error of publishing when the fate of the message is not known: the context ended, or
	// Config.PublishTimeout passed, while the message was on its way, or the bus failed in the middle. The message may
	// have been sent, or may still be. An error without it means that the message was not sent.
	ErrUnconfirmed = fault.ErrUnconfirmed
	// ErrTimeout is in the PartialError of a request that ended at its deadline.
	ErrTimeout = errors.New("operation has timed out")
	// ErrRefused is in the PartialError of a request that some nodes refused.
	ErrRefused = errors.New("backplane: a node refused the request")
	// ErrAnswersTooLarge is in the PartialError of a request whose answers are larger than Config.MaxAnswerBytes.
	ErrAnswersTooLarge = errors.New("backplane: the answers are too large")
	// ErrUnsigned is in the DropError of a message or an attachment that Config.Secret has not signed.
	ErrUnsigned = fault.ErrUnsigned
	// ErrDeaf is in the PartialError of a request if the node could not hear the others when it asked them, or for a
	// part of the time in which it waited: from Trace.SessionLost to Trace.SessionRecovered. Missing nodes may have
	// answered.
	ErrDeaf = errors.New("backplane: the node cannot hear the other nodes")
	// ErrNamespaceExists is returned when a namespace is opened a second time in one cluster.
	ErrNamespaceExists = errors.New("backplane: the namespace is open already in this cluster")
	// ErrSocketNotFound is returned by the requests for one socket when no node of the cluster has it.
	ErrSocketNotFound = errors.New("backplane: no node has a socket of this id")
	// ErrNoLoopback is returned by Start when what the node publishes does not come back to it.
	ErrNoLoopback = errors.New("backplane: the node does not hear its own messages; " +
		"a transaction-pooling proxy (such as PgBouncer) or a read-only replica may be in between: " +
		"give the driver a direct connection to the primary for listening")
	// ErrAttachmentReplaced is in the DropError of a message whose attachment was replaced by that of another message
	// under the same id, as can happen when PostgreSQL crashes (see postgres.Config.DurableAttachments).
	ErrAttachmentReplaced = fault.ErrAttachmentReplaced
	// ErrExited is the error of a call of the application's code that ended its goroutine with runtime.Goexit, as
	// testing.T.FailNow does.
	ErrExited = fault.ErrExited
	// ErrSilent is why a session was given up that had received nothing for longer than it can be silent.
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
	// PanicError is the error of a call of the application's code that panicked.
	PanicError = fault.PanicError
)

// PartialError comes with the answers that a request did get, and names the nodes whose answers are not among them.
type PartialError struct {
	Op string // "emit with acknowledgement", "fetch sockets", "server-side emit"
	// Missing nodes were alive, as far as known, but did not answer in time, or clients of theirs did not, or this
	// node could not hear them (ErrDeaf). This node is among them if its own Local has failed (a *CallError).
	Missing []string
	// Clients is how many clients of the Missing nodes were asked, as these have told, and did not answer.
	Clients int
	// Refused nodes did not answer because they were asked too much (Config.MaxRequestRate), or because their answer
	// would have been too large. errors.Is(err, ErrRefused) tells that there are any.
	Refused []string
	// Left nodes closed, or stopped giving signs of life, while they were asked.
	Left []string
	// Err is ErrTimeout, the context's error, ErrDeaf, an error of publishing, ErrClosed, a *CallError; nil when all
	// who are left answered.
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

// Is reports whether target is ErrRefused and some nodes have refused.
func (e *PartialError) Is(target error) bool { return target == ErrRefused && len(e.Refused) > 0 }

// GapError is reported after the node listens again. What others published meanwhile did not arrive, and was not kept
// for it. What this node published meanwhile may have arrived at the others: that is not what this error is about.
type GapError struct {
	// Since is from when on messages may be missing, by this process's clock. Every message of another node whose
	// publishing had returned by then has arrived, apart from those that a DropError told of. It is when the node
	// handed its last heartbeat to the bus that came back: the bus delivers in one order, so what was published
	// before the heartbeat arrived before it. A session can end with much of what it was sent still unread, so this
	// may be long before the session was found broken: at most about Config.HeartbeatInterval if it worked until
	// then.
	Since time.Time
	// Deaf is how long that is: from Since until the new session listened to everything. All that is published later
	// arrives.
	Deaf time.Duration
	// Err is why the old session ended.
	Err error
}

func (e *GapError) Error() string {
	return fmt.Sprintf("backplane: was deaf, at least since %s (%v), messages of other nodes may be lost: %v",
		e.Since.Format("15:04:05.000"), e.Deaf.Round(time.Millisecond), e.Err)
}

// Unwrap returns why the session ended.
func (e *GapError) Unwrap() error { return e.Err }

// DropReason says why a message was not delivered.
type DropReason string

// The reasons for which a received message is dropped.
const (
	DropMalformed  DropReason = "malformed"          // its bytes could not be parsed
	DropUnknown    DropReason = "unknown type"       // its type is none of those this version knows
	DropSlow       DropReason = "slow receiver"      // the namespace's Local is slower than the messages come
	DropAttachment DropReason = "attachment missing" // its attachment has expired, was replaced, or could not be read
	DropTooLarge   DropReason = "too large"          // it is over MaxMessageBytes
	DropForeign    DropReason = "other namespace"    // it names another namespace than the channel it came on
	DropPeers      DropReason = "too many peers"     // its sender would be one peer more than MaxPeers
	DropUnsigned   DropReason = "unsigned"           // it was not signed with Config.Secret
	DropRate       DropReason = "too many requests"  // its sender asks more than MaxRequestRate or MaxPendingRequests allow
	DropAnswer     DropReason = "answer too large"   // it is a request whose answer cannot be sent
)

// DropError is reported when a received message is not delivered.
type DropError struct {
	Reason    DropReason
	Namespace string
	Type      codec.Type // 0 when unknown
	UID       string     // the sender, empty when unknown; cut after 128 bytes
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

// Unwrap returns the cause, if there is one.
func (e *DropError) Unwrap() error { return e.Err }
