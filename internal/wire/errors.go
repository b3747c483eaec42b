package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
)

// ErrUnconfirmed is in the error of a message whose fate is not known: it was handed to the bus, which did not say in time, or
// could not say, whether it was sent.
var ErrUnconfirmed = errors.New("the message may have been sent, or may still be")

// Unconfirmed adds ErrUnconfirmed to err.
func Unconfirmed(err error) error { return fmt.Errorf("%w: %w", err, ErrUnconfirmed) }

// Grace is how much later than its deadline a call of the bus or the store may return. After that it is stuck: those who wait
// are told, and nothing is queued until it returns, because that would change the order.
const Grace = 50 * time.Millisecond

// ErrStuck and ErrStoreStuck are why nothing is queued, for the bus or for the store.
var (
	ErrStuck      = errors.New("the bus has not returned from an earlier call, the message was not sent")
	ErrStoreStuck = errors.New("the store has not returned from earlier calls, the message was not sent")
)

// NameError is returned for a name that cannot be used, before anything is sent.
type NameError struct {
	Kind   string // "namespace", "channel prefix", "event", …
	Name   string
	Reason string // what is wrong and what to do
}

func (e *NameError) Error() string {
	return fmt.Sprintf("backplane: invalid %s %q: %s", e.Kind, excerpt.Of(e.Name), e.Reason)
}

// TooLargeError is returned for a message over a limit: that of a bus when there is no store, or MaxMessageBytes.
type TooLargeError struct {
	Type   codec.Type // 0 when unknown
	Size   int        // bytes of the encoded message
	Limit  int        // the most bytes that are allowed
	Option string     // "MaxMessageBytes" when that is the limit, "" when it is the bus's
}

func (e *TooLargeError) Error() string {
	if e.Option != "" {
		what := "a message"
		if e.Type != 0 {
			what = e.Type.String()
		}
		return fmt.Sprintf("backplane: %s of %d bytes is over Config.%s, %d", what, e.Size, e.Option, e.Limit)
	}
	return fmt.Sprintf("backplane: %s of %d bytes is over the bus's limit of %d: configure a Store for large payloads",
		e.Type, e.Size, e.Limit)
}

// ReservedEventError is returned for an event name that Socket.IO keeps for itself.
type ReservedEventError struct{ Event string }

func (e *ReservedEventError) Error() string {
	return fmt.Sprintf("%q is a reserved event name", excerpt.Of(e.Event))
}

// ConfigError is returned for a Config, or for what is asked of a Target, that cannot work.
type ConfigError struct {
	Field  string // of Config, or empty
	Reason string
}

func (e *ConfigError) Error() string {
	if e.Field == "" {
		return "backplane: " + e.Reason
	}
	return fmt.Sprintf("backplane: Config.%s: %s", e.Field, e.Reason)
}

// OpError tells which operation failed on which channel.
type OpError struct {
	Op      string // "start", "listen", "publish", "attachment", …
	Channel string // empty when the operation concerns the whole cluster
	Err     error
}

func (e *OpError) Error() string {
	if e.Channel == "" {
		return fmt.Sprintf("backplane: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("backplane: %s on %q: %v", e.Op, excerpt.Of(e.Channel), e.Err)
}

// Unwrap returns the bus's or the store's own error.
func (e *OpError) Unwrap() error { return e.Err }
