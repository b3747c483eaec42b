package socketio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// recovering is a client that keeps what it needs to come back.
type recovering struct {
	*peer
	id, pid, offset string
}

func enter(t *testing.T, n *node, auth string) *recovering {
	t.Helper()
	r := &recovering{peer: dial(t, n)}
	r.send("0%s", auth)
	text, ok := strings.CutPrefix(r.next(), "0")
	require.True(t, ok, text)
	var hello struct{ SID, PID string }
	require.NoError(t, json.Unmarshal([]byte(text), &hello))
	require.Len(t, hello.PID, 20)
	r.id, r.pid = hello.SID, hello.PID
	return r
}

// event waits for the next event and returns its name. Its last argument is the offset.
func (r *recovering) event() string {
	r.t.Helper()
	packet := r.next()
	var event []any
	require.NoError(r.t, json.Unmarshal([]byte(packet[strings.IndexByte(packet, '['):]), &event), "%s", packet)
	if offset, ok := event[len(event)-1].(string); ok && len(event) > 1 {
		r.offset = offset
	}
	return event[0].(string)
}

// auth is what the client comes back with.
func (r *recovering) auth() string { return fmt.Sprintf(`{"pid":"%s","offset":"%s"}`, r.pid, r.offset) }

// lose breaks the connection and returns when the server has noticed.
func (r *recovering) lose(t *testing.T, gone *events[string]) {
	t.Helper()
	require.NoError(t, r.conn.Close())
	assert.Equal(t, "transport close", gone.next(t))
}

// recoverable starts a server with recovery.
func recoverable(t *testing.T, change ...func(*socketio.Recovery)) (*node, *events[*socketio.Socket], *events[string]) {
	t.Helper()
	n := serve(t, func(c *socketio.Config) {
		c.Recovery = &socketio.Recovery{}
		for _, f := range change {
			f(c.Recovery)
		}
	})
	gone := newEvents[string]()
	n.OnConnection(func(s *socketio.Socket) { s.OnDisconnect(gone.add) })
	return n, connected(n.Namespace), gone
}

func TestRecovery(t *testing.T) {
	n, joined, gone := recoverable(t)
	n.Use(func(s *socketio.Socket) error {
		if s.Recovered() {
			return errors.New("middlewares are skipped")
		}
		return nil
	})
	r := enter(t, n, "")
	s := joined.next(t)
	s.Join("room")
	s.SetData("data")
	require.NoError(t, s.Emit("first", []byte("x")))
	require.Equal(t, "first", r.event())
	r.next() // the attachment
	require.NotEmpty(t, r.offset)
	r.lose(t, gone)

	ctx := t.Context()
	require.NoError(t, n.To("room").Emit(ctx, "to room", []byte("y")))
	require.NoError(t, n.To("other").Emit(ctx, "to another room"))
	require.NoError(t, n.Except("room").Emit(ctx, "to all but the room"))
	require.NoError(t, n.Volatile().Emit(ctx, "volatile"))
	require.NoError(t, n.Emit(ctx, "to all"))
	require.NoError(t, s.Emit("to the socket"))
	require.NoError(t, n.Of("/other").Emit(ctx, "to another namespace"))

	back := enter(t, n, r.auth())
	again := joined.next(t)
	assert.Equal(t, r.id, back.id)
	assert.Equal(t, r.pid, back.pid)
	assert.True(t, again.Recovered())
	assert.Equal(t, "data", again.Data())
	assert.ElementsMatch(t, []string{r.id, "room"}, again.Rooms())
	assert.Equal(t, "to room", back.event())
	back.expect("b:y")
	assert.Equal(t, "to all", back.event())
	assert.Equal(t, "to the socket", back.event())
	back.sync("")

	// The offset may be any that the client has got.
	back.lose(t, gone)
	third := enter(t, n, back.auth())
	assert.Equal(t, r.id, third.id)
	assert.True(t, joined.next(t).Recovered())
	third.sync("")
}

func TestWhoIsNotRecovered(t *testing.T) {
	n, joined, gone := recoverable(t)
	begin := func() (*recovering, *socketio.Socket) {
		r := enter(t, n, "")
		s := joined.next(t)
		require.NoError(t, s.Emit("x"))
		require.Equal(t, "x", r.event())
		return r, s
	}
	fresh := func(auth, id string) {
		t.Helper()
		assert.NotEqual(t, id, enter(t, n, auth).id)
		assert.False(t, joined.next(t).Recovered())
	}
	t.Run("WhoSaidGoodbye", func(t *testing.T) {
		r, s := begin()
		r.send("1")
		assert.Equal(t, "client namespace disconnect", gone.next(t))
		require.ErrorIs(t, s.Emit("x"), socketio.ErrDisconnected)
		fresh(r.auth(), r.id)
	})
	t.Run("WhoWasThrownOut", func(t *testing.T) {
		r, s := begin()
		s.Disconnect(true)
		assert.Equal(t, "server namespace disconnect", gone.next(t))
		fresh(r.auth(), r.id)
	})
	t.Run("WhoIsStillThere", func(t *testing.T) {
		r, _ := begin()
		fresh(r.auth(), r.id)
	})
	t.Run("WhoComesTwice", func(t *testing.T) {
		r, _ := begin()
		r.lose(t, gone)
		assert.Equal(t, r.id, enter(t, n, r.auth()).id)
		assert.True(t, joined.next(t).Recovered())
		fresh(r.auth(), r.id)
	})
	t.Run("WhoDoesNotKnow", func(t *testing.T) {
		r, _ := begin()
		r.lose(t, gone)
		for _, offset := range []string{"", "x", r.offset + "zzz", r.offset[:4] + "-1", r.offset[:4]} {
			fresh(fmt.Sprintf(`{"pid":"%s","offset":"%s"}`, r.pid, offset), r.id)
		}
		fresh(fmt.Sprintf(`{"pid":"guess","offset":"%s"}`, r.offset), r.id)
		fresh(fmt.Sprintf(`{"pid":5,"offset":"%s"}`, r.offset), r.id)
	})
}

func TestRecoveryRunsMiddlewaresIfWanted(t *testing.T) {
	n, joined, gone := recoverable(t, func(r *socketio.Recovery) { r.RunMiddlewares = true })
	n.Use(func(s *socketio.Socket) error {
		if s.Recovered() {
			return errors.New("not again")
		}
		return nil
	})
	r := enter(t, n, "")
	require.NoError(t, joined.next(t).Emit("x"))
	require.Equal(t, "x", r.event())
	r.lose(t, gone)
	p := dial(t, n)
	p.send("0%s", r.auth())
	p.expect(`4{"message":"not again"}`)
}

// Events are sent all the time while a client goes and comes: it gets each once, in order.
func TestRecoveryLosesNothing(t *testing.T) {
	n, joined, gone := recoverable(t)
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for range 2 {
		sending.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Microsecond):
					assert.NoError(t, n.Emit(t.Context(), "x"))
				}
			}
		})
	}
	r := enter(t, n, "")
	joined.next(t)
	var offsets []string
	r.event()
	for range 20 {
		for range 10 {
			offsets = append(offsets, r.offset)
			r.event()
		}
		require.NoError(t, r.conn.Close())
		for packet := r.next(); packet != "closed"; packet = r.next() { // what was received counts
			offsets = append(offsets, r.offset)
			var event []string
			require.NoError(t, json.Unmarshal([]byte(packet[1:]), &event))
			r.offset = event[1]
		}
		gone.next(t)
		back := enter(t, n, r.auth())
		require.Equal(t, r.id, back.id)
		joined.next(t)
		offsets = append(offsets, r.offset)
		back.event()
		r = back
	}
	close(stop)
	sending.Wait()
	for i := 1; i < len(offsets); i++ {
		require.Equal(t, after(t, offsets[i-1]), offsets[i], "event %d", i)
	}
}

// after is the offset that follows.
func after(t *testing.T, offset string) string {
	t.Helper()
	var n uint64
	for _, digit := range offset[4:] {
		n = n*36 + uint64(strings.IndexRune("0123456789abcdefghijklmnopqrstuvwxyz", digit))
	}
	n++
	text := ""
	for ; n > 0; n /= 36 {
		text = string("0123456789abcdefghijklmnopqrstuvwxyz"[n%36]) + text
	}
	return offset[:4] + text
}

func TestNothingIsAppendedWithoutRecovery(t *testing.T) {
	n := serve(t)
	p := dial(t, n)
	p.send("0")
	require.NotContains(t, p.next(), "pid")
	require.NoError(t, n.Emit(t.Context(), "x"))
	p.expect(`2["x"]`)
}

func TestMemorySessions(t *testing.T) {
	args, err := backplane.NewArgs("x")
	require.NoError(t, err)
	event := socketio.SessionEvent{Args: args}
	session := func(pid string) socketio.Session { return socketio.Session{PID: pid, ID: "id " + pid} }

	t.Run("ForgetsWhatIsTooOld", func(t *testing.T) {
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
			assert.False(t, ok, "the session is too old")
			_, ok = m.Restore("/other", "b", second)
			assert.False(t, ok, "the session is another namespace's")
			missed, ok = m.Missed("/", first, nil)
			require.True(t, ok, "what follows is still there")
			require.Len(t, missed, 1)
			s, ok := m.Restore("/", "b", second)
			require.True(t, ok)
			assert.Equal(t, session("b"), s)
			time.Sleep(2 * time.Minute)
			_, ok = m.Missed("/", first, nil)
			assert.False(t, ok, "an event after it is not there any more")
			missed, ok = m.Missed("/", second, nil)
			assert.True(t, ok, "it was the last")
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
	t.Run("KeepsNothingOfThoseWhoCameBack", func(t *testing.T) {
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
		for range 3 { // one that is saved again takes the place of its own
			m.Save("/", large("a"))
		}
		m.Save("/", large("b"))
		m.Save("/", large("c"))
		for pid, want := range map[string]bool{"a": false, "b": true, "c": true} {
			_, ok := m.Restore("/", pid, last)
			assert.Equal(t, want, ok, pid)
		}
		for _, pid := range []string{"d", "e"} { // those who came back make room
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
