package quota

import (
	"math"
	"time"
)

// burst is how much unused rate a client may save up: five seconds' worth may arrive at once.
const burst = 5 * time.Second

// RateLimits are the most events and bytes per second.
type RateLimits struct{ Events, Bytes int }

// Rate is a token bucket for events and another one for bytes. To make counting cheap, it reads the clock only
// when one of the buckets is empty. So up to twice the burst can arrive at once. Rate is not safe for
// concurrent use.
type Rate struct {
	events, bytes float64 // tokens left
	since         int64   // time of the last refill, in nanoseconds
}

// NewRate returns full buckets. now is the time in nanoseconds.
func NewRate(limits RateLimits, now int64) Rate {
	return Rate{events: full(limits.Events), bytes: full(limits.Bytes), since: now}
}

func full(limit int) float64 {
	if limit <= 0 {
		return math.Inf(1)
	}
	return float64(limit) * burst.Seconds()
}

// Spend takes the tokens for one event of n bytes and returns "". If a limit is reached, it takes nothing and
// returns the name of the limit. clock returns the time in nanoseconds.
func (r *Rate) Spend(n int, limits RateLimits, clock func() int64) Name {
	if !r.has(n) {
		now := clock()
		elapsed := time.Duration(now - r.since).Seconds()
		r.since = now
		r.events = min(r.events+elapsed*float64(limits.Events), full(limits.Events))
		r.bytes = min(r.bytes+elapsed*float64(limits.Bytes), full(limits.Bytes))
	}
	switch {
	case r.has(n):
		r.events--
		r.bytes -= float64(n)
		return ""
	case r.events < 1:
		return EventRate
	}
	return ByteRate
}

func (r *Rate) has(n int) bool { return r.events >= 1 && r.bytes >= float64(n) }
