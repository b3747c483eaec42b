package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// recovering is a client that keeps its pid and offset, so that it can be recovered.
type recovering struct {
	*peer
	id, pid, offset string
	ahead           []string // of the greeting
}

func enter(t *testing.T, n *node, auth string) *recovering {
	t.Helper()
	r := &recovering{peer: dial(t, n)}
	r.send("0%s", auth)
	packet := r.peer.next()
	for ; !strings.HasPrefix(packet, `0{"sid"`); packet = r.peer.next() {
		require.NotEqual(t, "closed", packet)
		r.ahead = append(r.ahead, packet)
	}
	var hello struct{ SID, PID string }
	require.NoError(t, json.Unmarshal([]byte(packet[1:]), &hello))
	require.Len(t, hello.PID, 20)
	r.id, r.pid = hello.SID, hello.PID
	return r
}

func (r *recovering) next() string {
	r.t.Helper()
	if len(r.ahead) == 0 {
		return r.peer.next()
	}
	packet := r.ahead[0]
	r.ahead = r.ahead[1:]
	return packet
}

// event waits for the next event and returns its name. Its last argument is the offset.
func (r *recovering) event() string {
	r.t.Helper()
	packet := r.next()
	var event []any
	require.NoError(r.t, json.Unmarshal([]byte(packet[strings.IndexByte(packet, '['):]), &event), "%s", packet)
	if offset, ok := event[len(event)-1].(string); ok { // as official clients do, even if it is the name
		r.offset = offset
	}
	return event[0].(string)
}

// auth returns the auth payload with which the client reconnects.
func (r *recovering) auth() string { return fmt.Sprintf(`{"pid":"%s","offset":"%s"}`, r.pid, r.offset) }

// lose breaks the connection, and returns when the server has noticed.
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
	require.Len(t, back.ahead, 4, "all missed events must arrive before the greeting")
	assert.Equal(t, "to room", back.event())
	assert.Equal(t, "b:y", back.next())
	assert.Equal(t, "to all", back.event())
	assert.Equal(t, "to the socket", back.event())
	back.sync("")

	// Any offset that the client has received is valid.
	back.lose(t, gone)
	third := enter(t, n, back.auth())
	assert.Equal(t, r.id, third.id)
	assert.True(t, joined.next(t).Recovered())
	third.sync("")
}

func TestClientsThatAreNotRecovered(t *testing.T) {
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
	t.Run("LeftTheNamespace", func(t *testing.T) {
		r, s := begin()
		r.send("1")
		assert.Equal(t, "client namespace disconnect", gone.next(t))
		require.ErrorIs(t, s.Emit("x"), socketio.ErrDisconnected)
		fresh(r.auth(), r.id)
	})
	t.Run("DisconnectedByTheServer", func(t *testing.T) {
		r, s := begin()
		s.Disconnect(true)
		assert.Equal(t, "server namespace disconnect", gone.next(t))
		fresh(r.auth(), r.id)
	})
	t.Run("DisconnectedByTheServerDuringAHandler", func(t *testing.T) {
		r, s := begin()
		entered, proceed := make(chan struct{}), make(chan struct{})
		s.On("wait", func() {
			close(entered)
			<-proceed
		})
		r.send(`2["wait"]`)
		<-entered
		r.send("1")
		<-s.Context().Done()
		fresh(r.auth(), r.id)
		close(proceed)
		assert.Equal(t, "client namespace disconnect", gone.next(t))
	})
	t.Run("UnknownPartOfTheMissedEventsReceived", func(t *testing.T) {
		r, _ := begin()
		r.lose(t, gone)
		require.NoError(t, n.Emit(t.Context(), "missed"))
		again := enter(t, n, r.auth())
		require.Equal(t, r.id, again.id)
		joined.next(t)
		again.lose(t, gone)
		fresh(r.auth(), r.id) // as if the greeting, and perhaps what comes before it, had not arrived
	})
	t.Run("UnknownPidOrOffset", func(t *testing.T) {
		r, _ := begin()
		r.lose(t, gone)
		for _, offset := range []string{"x", r.offset + "zzz", r.offset[:4] + "-1", r.offset[:4]} {
			fresh(fmt.Sprintf(`{"pid":"%s","offset":"%s"}`, r.pid, offset), r.id)
		}
		fresh(fmt.Sprintf(`{"pid":"guess","offset":"%s"}`, r.offset), r.id)
		fresh(fmt.Sprintf(`{"pid":5,"offset":"%s"}`, r.offset), r.id)
	})
	t.Run("NoSessionIsKept", func(t *testing.T) {
		require.NoError(t, n.DisconnectSockets(t.Context(), true))
		for socketio.Owners(n.Namespace) > 0 {
			gone.next(t)
		}
	})
}

func TestRunMiddlewaresRunsThemForRecoveredClients(t *testing.T) {
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

// Events are sent all the time while a client disconnects and reconnects. It receives each of them once, in order.
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
					assert.NoError(t, n.Emit(context.Background(), "x"))
				}
			}
		})
	}
	end := sync.OnceFunc(func() {
		close(stop)
		sending.Wait()
	})
	defer end()
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
	end()
	for i := 1; i < len(offsets); i++ {
		require.Equal(t, after(t, offsets[i-1]), offsets[i], "event %d", i)
	}
}

// after returns the offset that follows.
func after(t *testing.T, offset string) string {
	t.Helper()
	p, err := backplane.ParsePosition(offset)
	require.NoError(t, err)
	p.Offset.Major++
	return p.String()
}

func TestNothingIsAppendedWithoutRecovery(t *testing.T) {
	n := serve(t)
	p := dial(t, n)
	p.send("0")
	require.NotContains(t, p.next(), "pid")
	require.NoError(t, n.Emit(t.Context(), "x"))
	p.expect(`2["x"]`)
}
