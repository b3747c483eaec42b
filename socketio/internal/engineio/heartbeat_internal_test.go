package engineio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The client's time to answer begins when the ping is due, not when a late timer sends it.
func TestTimeForAPongBeginsWhenThePingIsDue(t *testing.T) {
	const timeout, due = 200 * time.Millisecond, int64(time.Hour)
	conn := func(t *testing.T) *Conn {
		s, err := NewServer(Config{PingInterval: 300 * time.Millisecond, PingTimeout: timeout,
			Open: func(*Conn) Receiver { return discard{} }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		require.LessOrEqual(t, s.timers.Slack, time.Millisecond,
			"the timers must be precise enough for short intervals")
		c := &Conn{server: s, receiver: discard{}, holds: 2, id: "x"}
		c.timer.Owner, c.output.Source, c.beat.due = (*sessionTimer)(c), (*source)(c), due
		s.sessions[c.id] = c
		s.group.Add(1)
		s.live.Add(1)
		return c
	}
	t.Run("ALittleLate", func(t *testing.T) {
		c := conn(t)
		require.False(t, c.endOverdue(due+int64(time.Hour)), "the session must not end before a ping was sent")
		c.checkHeartbeat(due + int64(timeout)/8)
		require.False(t, c.endOverdue(due+int64(timeout)-1))
		require.True(t, c.endOverdue(due+int64(timeout)))
		require.Equal(t, PingTimeout, c.reason)
	})
	t.Run("VeryLate", func(t *testing.T) {
		c := conn(t)
		late := due + int64(time.Minute)
		c.checkHeartbeat(late)
		require.False(t, c.endOverdue(late+int64(timeout)/2), "the client must have time to answer")
		require.True(t, c.endOverdue(late+int64(timeout)))
	})
}
