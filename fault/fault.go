package fault

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/internal/excerpt"
)

var (
	// ErrUnconfirmed is wrapped by an error of publishing when the outcome is unknown: the context ended, or
	// Config.PublishTimeout passed, while the bus had the message, or the bus failed in the middle. The message may
	// have been sent, or may still be sent. An error without it means that the message was not sent.
	ErrUnconfirmed = errors.New("the message may have been sent, or may still be")
	// ErrUnsigned is wrapped by the error of a message or an attachment that carries no valid signature of
	// Config.Secret.
	ErrUnsigned = errors.New("backplane: the message has no valid signature")
	// ErrAttachmentReplaced is wrapped by the error of a message whose attachment was replaced by another message's
	// under the same id. This happens when PostgreSQL crashes (see postgres.Config.DurableAttachments).
	ErrAttachmentReplaced = errors.New("backplane: the attachment was replaced by that of another message")
	// ErrExited is returned when a function of the application ended its goroutine with runtime.Goexit, as
	// testing.T.FailNow does.
	ErrExited = errors.New("backplane: the function ended its goroutine " +
		"(runtime.Goexit, which testing.T.FailNow calls too)")
)

// NameError is returned for a name that cannot be used, such as that of a namespace. Nothing was sent.
type NameError struct {
	Kind   string // what it names: "namespace", "channel prefix", "event", …
	Name   string
	Reason string // what is wrong and what to do
}

func (e *NameError) Error() string {
	return fmt.Sprintf("backplane: invalid %s %q: %s", e.Kind, excerpt.Of(e.Name), e.Reason)
}

// TooLargeError is returned for a message over Config.MaxMessageBytes, or over the bus's limit when there is no store.
// Nothing was sent.
type TooLargeError struct {
	Message string // the type of the message, such as "BROADCAST"; empty when unknown
	Size    int    // bytes of the encoded message
	Limit   int    // maximum size in bytes
	Option  string // the option of Config that is the limit, "MaxMessageBytes"; empty when it is the bus's limit
}

func (e *TooLargeError) Error() string {
	what := e.Message
	if what == "" {
		what = "a message"
	}
	if e.Option != "" {
		return fmt.Sprintf("backplane: %s of %d bytes is over Config.%s, %d", what, e.Size, e.Option, e.Limit)
	}
	return fmt.Sprintf("backplane: %s of %d bytes is over the bus's limit of %d: configure a Store for large payloads",
		what, e.Size, e.Limit)
}

// ReservedEventError is returned for an event name that Socket.IO reserves. Nothing was sent.
type ReservedEventError struct{ Event string }

func (e *ReservedEventError) Error() string {
	return fmt.Sprintf("%q is a reserved event name", excerpt.Of(e.Event))
}

// Reserved reports whether Socket.IO reserves an event name: it emits an event of this name itself, on the client or
// on the server, or its EventEmitter does.
func Reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// ConfigError is returned for a Config that cannot work, and by the methods of a zero Target or of a Target with a
// negative timeout.
type ConfigError struct {
	Field  string // the field of Config; empty when the error is about a Target
	Reason string
}

func (e *ConfigError) Error() string {
	if e.Field == "" {
		return "backplane: " + e.Reason
	}
	return fmt.Sprintf("backplane: Config.%s: %s", e.Field, e.Reason)
}

// OpError says which operation failed on which channel.
type OpError struct {
	Op      string // "start", "listen", "publish", "attachment", …
	Channel string // empty when the operation concerns the whole cluster
	Err     error  // the bus's or the store's own error
}

func (e *OpError) Error() string {
	if e.Channel == "" {
		return fmt.Sprintf("backplane: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("backplane: %s on %q: %v", e.Op, excerpt.Of(e.Channel), e.Err)
}

// Unwrap returns Err.
func (e *OpError) Unwrap() error { return e.Err }

// UnsupportedError is returned for an operation that has no message in the dialect of the cluster. Nothing was done.
type UnsupportedError struct {
	Op      string // what was asked for, such as "FetchSockets"
	Dialect string // the name of the dialect, such as "legacy"
	Hint    string // what can be used instead; may be empty
}

func (e *UnsupportedError) Error() string {
	s := fmt.Sprintf("backplane: %s: the %s dialect has no message for it", e.Op, e.Dialect)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}
