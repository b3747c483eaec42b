package emitter

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/fault"
)

// ErrNoAnswers is returned when an acknowledgement is requested. An emitter receives nothing, so it cannot get
// one.
var ErrNoAnswers = errors.New("emitter: an emitter cannot receive acknowledgements: use a node of the cluster")

// ErrUnconfirmed is wrapped by an error of publishing when the outcome is unknown: the context ended, or
// Config.PublishTimeout passed, while the bus had the message, or the bus failed in the middle. The message may have
// been sent, or may still be sent. An error without it means that the message was not sent. In a transaction no error
// wraps it: whether the message is sent is up to the transaction.
var ErrUnconfirmed = fault.ErrUnconfirmed

// These errors are defined in package fault, because package core returns them too.
type (
	// ConfigError is returned by New for a Config that cannot work, and by the methods of a zero Target.
	ConfigError = fault.ConfigError
	// NameError is returned for a namespace or prefix that cannot be used. Nothing was sent.
	NameError = fault.NameError
	// TooLargeError is returned for a message over Config.MaxMessageBytes, or over the bus's limit when there is no
	// store. Nothing was sent.
	TooLargeError = fault.TooLargeError
	// ReservedEventError is returned for an event name that Socket.IO reserves. Nothing was sent.
	ReservedEventError = fault.ReservedEventError
	// OpError is returned when the bus or the store did not accept a message.
	OpError = fault.OpError
	// UnsupportedError is returned for an operation for which the dialect of the cluster has no message. Nothing was
	// sent.
	UnsupportedError = fault.UnsupportedError
)

// BatchError is returned by Batch.Send when not all messages were sent.
type BatchError struct {
	// Messages is the number of messages in the batch.
	Messages int
	// Unsent has the indexes, in the order of the calls, of the messages that were not sent or, with ErrUnconfirmed,
	// may not have been sent.
	Unsent []int
	// Err is the first error.
	Err error
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("emitter: %d of %d messages were not sent: %v", len(e.Unsent), e.Messages, e.Err)
}

// Unwrap returns the first error.
func (e *BatchError) Unwrap() error { return e.Err }
