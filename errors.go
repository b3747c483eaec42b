package backplane

import "github.com/backplane-go/backplane/core"

// Errors for errors.Is.
var (
	// ErrClosed is returned by the methods of a Cluster or a Namespace that is closed.
	ErrClosed = core.ErrClosed
	// ErrQueueFull is returned by EmitAsync if Config.PublishQueue messages already wait. The message was not
	// published.
	ErrQueueFull = core.ErrQueueFull
	// ErrUnconfirmed is wrapped by an error of publishing if the outcome is unknown: the context or
	// Config.PublishTimeout ended while the bus had the message, or the bus failed. The message may have been sent,
	// or may still be sent. Without ErrUnconfirmed it was not sent.
	ErrUnconfirmed = core.ErrUnconfirmed
	// ErrTimeout is in the PartialError of a request that ended at its timeout.
	ErrTimeout = core.ErrTimeout
	// ErrRefused matches the PartialError of a request that some nodes refused.
	ErrRefused = core.ErrRefused
	// ErrDeaf is in the PartialError of a request if the node could not hear the others for a part of the time, from
	// Trace.SessionLost to Trace.SessionRecovered. Missing nodes may have answered.
	ErrDeaf = core.ErrDeaf
	// ErrAnswersTooLarge is in the PartialError of a request whose answers are larger than Config.MaxAnswerBytes.
	ErrAnswersTooLarge = core.ErrAnswersTooLarge
	// ErrUnsigned is in the DropError of a message or an attachment without a valid signature of Config.Secret.
	ErrUnsigned = core.ErrUnsigned
	// ErrNamespaceExists is returned by Cluster.Namespace if the namespace is already open in this cluster.
	ErrNamespaceExists = core.ErrNamespaceExists
	// ErrSocketNotFound is returned by the requests for one socket if no node has it.
	ErrSocketNotFound = core.ErrSocketNotFound
	// ErrNoLoopback is returned by Open if the node does not receive its own messages, for example behind a proxy
	// that pools transactions.
	ErrNoLoopback = core.ErrNoLoopback
	// ErrAttachmentReplaced is in the DropError of a message whose attachment was replaced by another message's under
	// the same id, as can happen when PostgreSQL crashes. See postgres.Config.DurableAttachments.
	ErrAttachmentReplaced = core.ErrAttachmentReplaced
	// ErrSilent is why a session was closed that received nothing for too long.
	ErrSilent = core.ErrSilent
	// ErrExited is the error of a call of the application's code that ended its goroutine with runtime.Goexit, as
	// testing.T.FailNow does.
	ErrExited = core.ErrExited
)

// PartialError is returned by a request together with the answers that came, if some are missing. Its fields:
//
//	Op      string   // "emit with acknowledgement", "fetch sockets", "server-side emit"
//	Missing []string // nodes that did not answer in time, or whose clients did not
//	Clients int      // how many clients of the Missing nodes were asked and did not answer
//	Refused []string // nodes that refused: too many requests, or too large an answer
//	Left    []string // nodes that closed, or fell silent, meanwhile
//	Err     error    // ErrTimeout, ErrDeaf, ErrClosed, an error of the context or of publishing, a *CallError, or nil
type PartialError = core.PartialError

// CallError is returned to the caller, or received by Config.ErrorHandler, if code that the cluster called, such as a
// LocalSockets, has panicked or ended its goroutine. Its fields:
//
//	Namespace string // empty if the call was for none
//	Call      string // what was called: "LocalSockets.Broadcast", "Trace.Received", "OnCustomRequest"
//	Err       error  // a *PanicError, or ErrExited
type CallError = core.CallError

// PanicError is the error of a call of the application's code that panicked. It is wrapped by the errors of the
// cluster. Its fields:
//
//	Value  any    // what panic was called with
//	Stack  []byte // of the goroutine that panicked
//	Opaque bool   // methods of Value panic too, so Error and Unwrap do not call them
type PanicError = core.PanicError

// GapError is received by Config.ErrorHandler and Trace.SessionRecovered when a node listens again after its listening
// connection was lost. Messages of other nodes may be missing: let clients reload their state. Its fields:
//
//	Since time.Time     // messages that were published before this time have arrived
//	Deaf  time.Duration // messages that were published after Since plus Deaf arrive
//	Err   error         // why the session ended
//
// With a log, the node gets what it has missed from there before the error is reported, and these say how that ended:
//
//	Filled   bool      // nothing that a log keeps is missing
//	Replayed int       // how many messages were read from the log
//	Unfilled []*LogGap // what the log does not have any more
type GapError = core.GapError

// DropError is received by Config.ErrorHandler and Trace.Dropped if a received message was not delivered. Its fields:
//
//	Reason    DropReason
//	Namespace string
//	Type      codec.Type // 0 if unknown
//	UID       string     // the sender, empty if unknown; cut after 128 bytes
//	Err       error      // the cause; may be nil
type DropError = core.DropError

// DropReason says why a message was not delivered.
type DropReason = core.DropReason

// The reasons of a DropError.
const (
	DropMalformed  = core.DropMalformed  // the message could not be parsed
	DropUnknown    = core.DropUnknown    // its type is unknown to this version
	DropSlow       = core.DropSlow       // the LocalSockets of the namespace is slower than its messages
	DropAttachment = core.DropAttachment // its attachment has expired, was replaced, or could not be read
	DropTooLarge   = core.DropTooLarge   // it is larger than Config.MaxMessageBytes
	DropForeign    = core.DropForeign    // it names another namespace than its channel
	DropPeers      = core.DropPeers      // its sender would be one peer more than Config.MaxPeers
	DropUnsigned   = core.DropUnsigned   // it was not signed with Config.Secret
	DropRate       = core.DropRate       // it is a request above Config.MaxRequestRate or Config.MaxPendingRequests
	DropAnswer     = core.DropAnswer     // it is a request whose answer cannot be sent
)

// OpError is returned, or received by Config.ErrorHandler, if an operation of the bus or the store failed. Its fields:
//
//	Op      string // "start", "listen", "publish", "attachment", …
//	Channel string // empty if the operation concerns the whole cluster
//	Err     error  // the error of the bus or the store
type OpError = core.OpError

// ConfigError is returned by Open if a Config cannot work, and by the methods of a zero Target or of one with a
// negative timeout. Its fields:
//
//	Field  string // the field of Config; empty if the error is about a Target
//	Reason string
type ConfigError = core.ConfigError

// NameError is returned for the name of a namespace, or a prefix, that cannot be used. Nothing was sent. Its fields:
//
//	Kind   string // what it names: "namespace", "channel prefix", "event", …
//	Name   string
//	Reason string // what is wrong and what to do
type NameError = core.NameError

// TooLargeError is returned for a message that is larger than Config.MaxMessageBytes, or than the bus's limit if
// there is no store. Nothing was sent. Its fields:
//
//	Message string // the type of the message, such as "broadcast"; empty if unknown
//	Size    int    // bytes of the encoded message
//	Limit   int    // the maximum
//	Option  string // the option of Config that is the limit; empty if it is the bus's limit
type TooLargeError = core.TooLargeError

// UnsupportedError is returned for an operation for which the dialect of the cluster has no message (Config.Dialect).
// Nothing was done. Its fields:
//
//	Op      string // what was asked for, such as "fetch sockets"
//	Dialect string // the name of the dialect, such as "legacy"
//	Hint    string // what can be used instead; may be empty
type UnsupportedError = core.UnsupportedError

// ReservedEventError is returned for an event name that Socket.IO reserves, such as "disconnect". Nothing was sent.
// Its field:
//
//	Event string
type ReservedEventError = core.ReservedEventError
