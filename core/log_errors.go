package core

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/transport"
)

// Reasons of a PositionError, for errors.Is.
var (
	// ErrNotLogged is returned by methods that read the log of a namespace that has none.
	ErrNotLogged = errors.New("backplane: the messages of the namespace are not kept: see Config.Log")
	// ErrPositionTrimmed means that messages after the position are not kept any more.
	ErrPositionTrimmed = errors.New("messages after the position are not kept any more")
	// ErrPositionEpoch means that the position is of a log that was replaced by another one.
	ErrPositionEpoch = errors.New("the position is of another epoch of the log")
	// ErrPositionFuture means that the log has not reached the position.
	ErrPositionFuture = errors.New("the log has not reached the position")
	// ErrPositionNamespace means that the position is of another namespace.
	ErrPositionNamespace = errors.New("the position is of another namespace")
)

// PositionError is returned when the log of a namespace cannot be read from a position.
type PositionError struct {
	Namespace string
	Position  Position
	Reason    error // ErrPositionTrimmed, ErrPositionEpoch, ErrPositionFuture or ErrPositionNamespace
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("backplane: log of %q after %s: %v", excerpt.Of(e.Namespace), e.Position, e.Reason)
}

// Unwrap returns Reason.
func (e *PositionError) Unwrap() error { return e.Reason }

// LogMismatchError is reported, once for each peer, when only one of two nodes has a log for a namespace. What the node
// without a log sends is not kept, and it misses messages while it is deaf. It is also reported once for all emitters
// that send without a log.
type LogMismatchError struct {
	Namespace string
	UID       string // of the peer, or codec.EmitterUID
	Logged    bool   // the peer has a log, and this node has none
}

func (e *LogMismatchError) Error() string {
	if e.Logged {
		return fmt.Sprintf("backplane: node %q keeps the messages of %q in a log, this node does not: set Config.Log",
			excerpt.Of(e.UID), excerpt.Of(e.Namespace))
	}
	if e.UID == codec.EmitterUID {
		return fmt.Sprintf("backplane: this node keeps the messages of %q in a log, but an emitter sends some that "+
			"are not kept: set its Config.Log (Node.js's emitter has no log)", excerpt.Of(e.Namespace))
	}
	return fmt.Sprintf("backplane: this node keeps the messages of %q in a log, node %q does not: set its Config.Log",
		excerpt.Of(e.Namespace), excerpt.Of(e.UID))
}

// positionReason returns the error of this package for one of package transport.
func positionReason(err error) error {
	switch {
	case errors.Is(err, transport.ErrTrimmed):
		return ErrPositionTrimmed
	case errors.Is(err, transport.ErrEpoch):
		return ErrPositionEpoch
	case errors.Is(err, transport.ErrFuture):
		return ErrPositionFuture
	}
	return err
}
