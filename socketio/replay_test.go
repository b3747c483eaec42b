package socketio_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// Events for other clients do not prevent a recovery, no matter how many there are and where the log ends.
func TestEventsForOthersDoNotPreventRecovery(t *testing.T) {
	const kept = 10
	n, joined, gone := recoverable(t, func(r *socketio.Recovery) {
		r.Memory.MaxEvents = kept
	})
	busy := func() {
		t.Helper()
		for i := range 5 * kept {
			require.NoError(t, n.To(fmt.Sprint("other", i%3)).Emit(t.Context(), "x"))
			require.NoError(t, n.Of("/other").Emit(t.Context(), "x"))
		}
	}
	begin := func(event string) (*recovering, *socketio.Socket) {
		t.Helper()
		r := enter(t, n, "")
		s := joined.next(t)
		require.NoError(t, s.Join("room"))
		if event != "" {
			require.NoError(t, s.Emit(event))
			require.Equal(t, event, r.event())
		}
		return r, s
	}
	back := func(r *recovering, events ...string) {
		t.Helper()
		auth := r.auth()
		if r.offset == "" {
			auth = fmt.Sprintf(`{"pid":"%s"}`, r.pid) // as official clients do
		}
		again := enter(t, n, auth)
		s := joined.next(t)
		require.True(t, s.Recovered())
		require.Equal(t, r.id, again.id)
		require.Contains(t, s.Rooms(), "room")
		for _, want := range events {
			require.Equal(t, want, again.event())
		}
		again.sync("")
	}
	for _, first := range []string{"", "first"} {
		t.Run("Of"+first, func(t *testing.T) {
			t.Run("AllReceived", func(t *testing.T) {
				r, _ := begin(first)
				busy()
				r.lose(t, gone)
				busy()
				back(r)
			})
			t.Run("LossNotNoticed", func(t *testing.T) {
				r, _ := begin(first)
				busy()
				back(r)
				gone.next(t)
			})
			t.Run("MissedEventsAreKept", func(t *testing.T) {
				r, s := begin(first)
				busy()
				require.NoError(t, r.conn.Close())
				gone.next(t)
				busy()
				require.NoError(t, s.Emit("missed"))
				require.NoError(t, n.To("room").Emit(t.Context(), "missed too"))
				back(r, "missed", "missed too")
			})
			t.Run("MissedEventsAreEvicted", func(t *testing.T) {
				r, s := begin(first)
				r.lose(t, gone)
				require.NoError(t, s.Emit("missed"))
				busy()
				again := enter(t, n, r.auth())
				require.NotEqual(t, r.id, again.id)
				require.False(t, joined.next(t).Recovered())
			})
		})
	}
	t.Run("OffsetOfAnEarlierSession", func(t *testing.T) {
		r, s := begin("first")
		s.Disconnect(false)
		gone.next(t)
		require.NoError(t, n.Emit(t.Context(), "while it was nobody"))
		fresh := enter(t, n, r.auth())
		require.False(t, joined.next(t).Recovered())
		fresh.offset = r.offset // official clients keep it until they get another one
		fresh.lose(t, gone)
		again := enter(t, n, fresh.auth())
		require.True(t, joined.next(t).Recovered())
		again.sync("")
	})
}

// A client that has missed more packets than the send queue holds gets all of them. A client that has missed more
// bytes than that becomes a new client.
func TestRecoveryOfManyMissedEvents(t *testing.T) {
	n, joined, gone := recoverable(t)
	r := enter(t, n, "")
	s := joined.next(t)
	r.lose(t, gone)
	const events = 3 * 4096
	for i := range events {
		require.NoError(t, s.Emit(fmt.Sprint(i)))
	}
	back := enter(t, n, r.auth())
	require.Equal(t, r.id, back.id)
	s = joined.next(t)
	require.True(t, s.Recovered())
	for i := range events {
		require.Equal(t, fmt.Sprint(i), back.event())
	}
	back.lose(t, gone)
	text := strings.Repeat("x", 1<<20)
	for range 5 {
		require.NoError(t, s.Emit("large", text))
	}
	p := dial(t, n)
	p.send("0%s", back.auth())
	p.expect("closed")
	again := enter(t, n, back.auth())
	require.NotEqual(t, r.id, again.id)
	require.False(t, joined.next(t).Recovered())
}
