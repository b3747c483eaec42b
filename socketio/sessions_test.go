package socketio_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestMemorySessions(t *testing.T) {
	args, err := backplane.NewArgs("x")
	require.NoError(t, err)
	event := socketio.SessionEvent{Args: args}
	session := func(pid string) socketio.Session { return socketio.Session{PID: pid, ID: "id " + pid} }

	t.Run("ForgetsOldSessionsAndEvents", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := socketio.NewMemorySessions(socketio.MemorySessionsConfig{MaxDisconnection: time.Minute})
			first := m.Append("/", event)
			m.Save("/", session("a"))
			time.Sleep(30 * time.Second)
			second := m.Append("/", event)
			m.Save("/", session("b"))
			missed, ok := m.Missed("/", first, nil)
			require.True(t, ok)
			require.Len(t, missed, 1)
			assert.Equal(t, second, missed[0].Offset)
			time.Sleep(31 * time.Second)
			_, ok = m.Restore("/", "a", second)
			assert.False(t, ok, "Restore must return false: the session is too old")
			_, ok = m.Restore("/other", "b", second)
			assert.False(t, ok, "Restore must return false: the session belongs to another namespace")
			missed, ok = m.Missed("/", first, nil)
			require.True(t, ok, "the events after the offset must still be stored")
			require.Len(t, missed, 1)
			s, ok := m.Restore("/", "b", second)
			require.True(t, ok)
			want := session("b")
			want.Offset = second
			assert.Equal(t, want, s)
			time.Sleep(2 * time.Minute)
			_, ok = m.Missed("/", first, nil)
			assert.False(t, ok, "want false: an event after the offset was evicted")
			missed, ok = m.Missed("/", second, nil)
			assert.True(t, ok, "want true: no event follows the offset")
			assert.Empty(t, missed)
			assert.NotContains(t, []string{first, second}, m.Append("/", event))
		})
	})
	t.Run("HasLimits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := socketio.NewMemorySessions(socketio.MemorySessionsConfig{MaxEvents: 10, MaxSessions: 2})
			first := m.Append("/", event)
			for range 10 {
				m.Append("/", event)
			}
			missed, ok := m.Missed("/", first, nil)
			require.True(t, ok)
			require.Len(t, missed, 10)
			last := m.Append("/", event)
			_, ok = m.Missed("/", first, nil)
			require.False(t, ok)
			for _, pid := range []string{"a", "b", "c"} {
				m.Save("/", session(pid))
			}
			_, ok = m.Restore("/", "a", last)
			assert.False(t, ok)
			_, ok = m.Restore("/", "c", last)
			assert.True(t, ok)

			small := socketio.NewMemorySessions(socketio.MemorySessionsConfig{MaxBytes: 1000})
			first = small.Append("/", event)
			for range 4 {
				small.Append("/", event)
			}
			_, ok = small.Missed("/", first, nil)
			assert.False(t, ok)
		})
	})
	t.Run("RemembersTheRoomsOfEvictedEvents", func(t *testing.T) {
		m := socketio.NewMemorySessions(socketio.MemorySessionsConfig{MaxEvents: 1})
		to := func(room string) string {
			return m.Append("/", socketio.SessionEvent{Args: args, Rooms: []string{room}})
		}
		complete := func(offset string, rooms ...string) bool {
			_, ok := m.Missed("/", offset, rooms)
			return ok
		}
		start := to("start")
		to("a")
		to("b")
		to("b")
		require.True(t, complete(start, "c", "d"))
		require.False(t, complete(start, "c", "a"))
		_, ok := m.Missed("/other", start, []string{"a"})
		require.True(t, ok, "want true: a room of another namespace is a different room")
		const known = 1 << 16
		for i := range known + 10 { // more than it can remember
			to(fmt.Sprint(i))
		}
		require.False(t, complete(start, "c"), "want false: forgotten events may have been for any socket")
		late := to("late")
		to("e")
		to("f")
		require.True(t, complete(late, "c"))
		require.False(t, complete(late, "e"))
	})
	t.Run("KeepsNothingOfRestoredSessions", func(t *testing.T) {
		m := socketio.NewMemorySessions(socketio.MemorySessionsConfig{})
		last := m.Append("/", event)
		m.Save("/", session("stays away"))
		for range 10_000 {
			m.Save("/", session("comes back"))
			_, ok := m.Restore("/", "comes back", last)
			require.True(t, ok)
			require.LessOrEqual(t, m.Noted(), 100)
		}
		_, ok := m.Restore("/", "stays away", last)
		assert.True(t, ok)
	})
	t.Run("BoundsTheRoomsOfSessions", func(t *testing.T) {
		m := socketio.NewMemorySessions(socketio.MemorySessionsConfig{MaxSessionBytes: 10_000})
		last := m.Append("/", event)
		large := func(pid string) socketio.Session {
			return socketio.Session{PID: pid, Rooms: []string{strings.Repeat("x", 4000)}}
		}
		for range 3 { // a session that is saved again replaces itself
			m.Save("/", large("a"))
		}
		m.Save("/", large("b"))
		m.Save("/", large("c"))
		for pid, want := range map[string]bool{"a": false, "b": true, "c": true} {
			_, ok := m.Restore("/", pid, last)
			assert.Equal(t, want, ok, pid)
		}
		for _, pid := range []string{"d", "e"} { // restored sessions make room
			m.Save("/", large(pid))
		}
		for _, pid := range []string{"d", "e"} {
			_, ok := m.Restore("/", pid, last)
			assert.True(t, ok, pid)
		}
	})
	t.Run("SelectsByRoom", func(t *testing.T) {
		m := socketio.NewMemorySessions(socketio.MemorySessionsConfig{})
		start := m.Append("/", event)
		for _, e := range []socketio.SessionEvent{
			{Args: args},
			{Args: args, Rooms: []string{"a"}},
			{Args: args, Rooms: []string{"b", "c"}},
			{Args: args, Except: []string{"a"}},
			{Args: args, Rooms: []string{"a"}, Except: []string{"b"}},
		} {
			m.Append("/", e)
		}
		for _, c := range []struct {
			rooms []string
			want  int
		}{{nil, 2}, {[]string{"a"}, 3}, {[]string{"c"}, 3}, {[]string{"a", "b"}, 3}} {
			missed, ok := m.Missed("/", start, c.rooms)
			require.True(t, ok)
			assert.Len(t, missed, c.want, "%v", c.rooms)
		}
	})
}
