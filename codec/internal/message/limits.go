package message

import (
	"errors"
	"math"
	"time"
)

// A type is a number of 32 bits.
const (
	MinType = math.MinInt32
	MaxType = math.MaxInt32
)

// MaxSafe is the largest integer up to which JavaScript's numbers hold every integer.
const MaxSafe = 1<<53 - 1

// MaxCount is the largest ClientCount.
const MaxCount = min(math.MaxInt, MaxSafe)

// maxTimeout is the longest delay of a timer in Node.js, in milliseconds. It takes anything longer for 1 ms.
const maxTimeout = math.MaxInt32

// Milliseconds is d as it travels. It rounds up, so that no timeout becomes 0, which means none.
func Milliseconds(d time.Duration) int64 {
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	return max(0, min(ms, maxTimeout))
}

// Timeout is a number of milliseconds that came, as a Duration that a timer can do.
func Timeout(ms float64) time.Duration {
	if !(ms > 0) { // NaN too
		return 0
	}
	return time.Duration(math.Ceil(min(ms, maxTimeout))) * time.Millisecond
}

var (
	// ErrMissing says that a required field is not there.
	ErrMissing = errors.New("missing")
	// ErrNoEvent is returned instead of writing an event without a name.
	ErrNoEvent = errors.New("codec: Args is empty: it must name an event")
)
