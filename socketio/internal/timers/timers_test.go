package timers_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/socketio/internal/timers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alarm is an Expirer that reports its name.
type alarm struct {
	timers.Timer
	name    string
	expired chan<- string
}

func (a *alarm) Expire(int64) { a.expired <- a.name }

func TestTimersExpireInTheOrderOfTheirTimes(t *testing.T) {
	var now atomic.Int64
	h := timers.New(now.Load, 0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		h.Serve(stop)
	}()
	expired := make(chan string, 10)
	all := make(map[string]*alarm)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all[name] = &alarm{name: name, expired: expired}
		all[name].Owner = all[name]
	}
	set := func(name string, due time.Duration) { h.Set(&all[name].Timer, int64(due)) }
	set("c", 3*time.Hour)
	set("a", time.Hour)
	set("b", 4*time.Hour)
	set("b", 2*time.Hour) // again, to an earlier time
	set("d", 5*time.Hour)
	h.Advance(&all["d"].Timer, int64(150*time.Minute))
	h.Advance(&all["a"].Timer, int64(90*time.Minute)) // later than it is set to: no effect
	h.Advance(&all["e"].Timer, 0)                     // not set: no effect
	h.Stop(&all["c"].Timer)
	h.Stop(&all["c"].Timer) // again: no effect
	require.Empty(t, expired, "timers that are not due must not expire")

	now.Store(int64(10 * time.Hour))
	set("e", 11*time.Hour) // wakes Serve only if it is the first timer
	set("c", 0)            // this one is
	for _, want := range []string{"c", "a", "b", "d"} {
		select {
		case got := <-expired:
			require.Equal(t, want, got)
		case <-time.After(20 * time.Second):
			t.Fatalf("timer %s did not expire", want)
		}
	}
	close(stop)
	<-done
	require.Empty(t, expired, "the timer that is not due must not expire")
}
