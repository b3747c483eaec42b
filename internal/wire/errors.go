package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/fault"
)

// Unconfirmed adds fault.ErrUnconfirmed to err.
func Unconfirmed(err error) error { return fmt.Errorf("%w: %w", err, fault.ErrUnconfirmed) }

// Grace is how much later than its deadline a call of the bus or the store may return. After that it is stuck: those
// who wait are told, and nothing is queued until it returns, because that would change the order.
const Grace = 50 * time.Millisecond

// ErrStuck and ErrStoreStuck are why nothing is queued, for the bus or for the store.
var (
	ErrStuck      = errors.New("the bus has not returned from an earlier call, the message was not sent")
	ErrStoreStuck = errors.New("the store has not returned from earlier calls, the message was not sent")
)
