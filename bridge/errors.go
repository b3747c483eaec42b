package bridge

import (
	"fmt"

	"github.com/backplane-go/backplane/internal/excerpt"
)

// LostError is received by Config.ErrorHandler if a broadcast was not passed on.
type LostError struct {
	// Namespace is the namespace of the broadcast.
	Namespace string
	// From is the cluster in which it was received: "A" or "B".
	From string
	// Event is the name of the event.
	Event string
	// Err is why the other cluster did not accept it: backplane.ErrQueueFull, a *backplane.TooLargeError, or another
	// error of Target.EmitAsync.
	Err error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("bridge: event %q in %q of cluster %s was not passed on: %v",
		excerpt.Of(e.Event), excerpt.Of(e.Namespace), e.From, e.Err)
}

// Unwrap returns Err.
func (e *LostError) Unwrap() error { return e.Err }
