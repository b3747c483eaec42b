package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/fault"
)

// Unconfirmed wraps err and fault.ErrUnconfirmed.
func Unconfirmed(err error) error { return fmt.Errorf("%w: %w", err, fault.ErrUnconfirmed) }

// Grace is how long after its deadline a call of the bus or the store may return. After that the call is stuck:
// the callers that wait for it get an error, and nothing is queued until it returns, because publishing without
// waiting for it would change the order.
const Grace = 50 * time.Millisecond

// ErrStuck and ErrStoreStuck are returned while the bus or the store is stuck.
var (
	ErrStuck      = errors.New("the message was not sent, because the bus has not returned from an earlier call")
	ErrStoreStuck = errors.New("the message was not sent, because the store has not returned from earlier calls")
)
