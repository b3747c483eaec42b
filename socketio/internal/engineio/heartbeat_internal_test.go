package engineio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A session's end is counted from when its ping was due, not from when somebody had the time to send it.
func TestTheEndIsPlannedWithThePing(t *testing.T) {
	const timeout, due = 200 * time.Millisecond, int64(time.Hour)
	conn := func(t *testing.T) *Conn {
		s, err := NewServer(Config{PingInterval: 300 * time.Millisecond, PingTimeout: timeout, Open: func(*Conn) Receiver { return nobody{} }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		require.LessOrEqual(t, s.alarms.slack, time.Millisecond, "short intervals are kept")
		c := &Conn{server: s, receiver: nobody{}, holds: 2, id: "x"}
		c.alarm.owner, c.beat.due = c, due
		s.sessions[c.id] = c
		s.group.Add(1)
		s.live.Add(1)
		return c
	}
	t.Run("ALittleLate", func(t *testing.T) {
		c := conn(t)
		require.False(t, c.overdue(due+int64(time.Hour)), "nobody has been asked for a sign of life")
		c.ring(due + int64(timeout)/8)
		require.False(t, c.overdue(due+int64(timeout)-1))
		require.True(t, c.overdue(due+int64(timeout)))
		require.Equal(t, PingTimeout, c.reason)
	})
	t.Run("VeryLate", func(t *testing.T) {
		c := conn(t)
		late := due + int64(time.Minute)
		c.ring(late)
		require.False(t, c.overdue(late+int64(timeout)/2), "the client has time to answer")
		require.True(t, c.overdue(late+int64(timeout)))
	})
}
