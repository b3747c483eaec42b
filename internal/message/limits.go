package message

import (
	"errors"
	"math"
	"time"
)

// The range of a message type: 32 bits.
const (
	MinType = math.MinInt32
	MaxType = math.MaxInt32
)

// MaxSafe is the largest n for which JavaScript numbers represent all integers up to n.
const MaxSafe = 1<<53 - 1

// MaxCount is the largest ClientCount.
const MaxCount = min(math.MaxInt, MaxSafe)

// maxTimeout is the longest delay of a timer in Node.js, in milliseconds. Node.js treats a longer one as 1 ms.
const maxTimeout = math.MaxInt32

// Milliseconds converts d to the number on the wire. It rounds up, so that no timeout becomes 0, which means none.
func Milliseconds(d time.Duration) int64 {
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	return max(0, min(ms, maxTimeout))
}

// Timeout converts a number of milliseconds from the wire to a Duration that a timer accepts.
func Timeout(ms float64) time.Duration {
	if !(ms > 0) { // also false for NaN
		return 0
	}
	return time.Duration(math.Ceil(min(ms, maxTimeout))) * time.Millisecond
}

var (
	// ErrMissing reports that a required field is missing.
	ErrMissing = errors.New("missing")
	// ErrNoEvent is returned for an event without a name.
	ErrNoEvent = errors.New("codec: Args has no event")
)
