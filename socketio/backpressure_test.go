package socketio_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestEventsWaitForTheirHandlers(t *testing.T) {
	n := serve(t, func(c *socketio.Config) {
		c.MaxEvents, c.PingInterval, c.PingTimeout = 4, 100*time.Millisecond, 2*time.Second
	})
	hold, got := make(chan struct{}), newEvents[int]()
	joined := connected(n.Namespace)
	p := connect(t, n)
	joined.next(t).On("x", func(i int) {
		<-hold
		got.add(i)
	})
	for i := range 1000 {
		p.send(`2["x",%d,"%s"]`, i, strings.Repeat("x", 1000))
	}
	// The server does not read from the client any more, not even its pongs. The client must not be disconnected
	// for that.
	other := connect(t, n)
	// longer than PingInterval and PingTimeout together
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(80 * time.Millisecond) {
		other.sync("")
	}
	assert.Equal(t, 2, n.SocketsCount())
	close(hold)
	for i := range 1000 {
		require.Equal(t, i, got.next(t))
	}
	p.sync("")
}

// A client may request more acknowledgements at once than the send queue holds, if it reads them.
func TestMoreAcknowledgementsThanTheSendQueueHolds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const events = 10_000 // SendQueue is 4096
	s, l := serveBy(t, "Serve", func(*socketio.Config) {})
	s.OnConnection(func(c *socketio.Socket) { c.On("x", func(ack func()) { ack() }) })
	c := joinRaw(t, "Serve", l)
	var all []byte
	for i := range events {
		all = append(all, textFrames(fmt.Sprintf(`42%d["x"]`, i))...)
	}
	go func() { _, _ = c.Write(all) }()
	for i := range events {
		f, err := ws.ReadFrame(c.r)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf(`43%d[]`, i), string(f.Payload))
	}
}

func TestAcknowledgementsAreReadBehindWaitingEvents(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.MaxEvents = 4 })
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	got := newEvents[string]()
	s.On("first", func(ctx context.Context) error {
		v, err := s.Timeout(patience).EmitWithAck(ctx, "question")
		got.add(v.String())
		return err
	})
	s.On("x", func() {})
	p.send(`2["first"]`)
	p.expect(`20["question"]`)
	for range 50 {
		p.send(`2["x"]`)
	}
	p.send(`30["answer"]`)
	assert.Equal(t, `"answer"`, got.next(t))
	n.errors.none(t)
}

func TestConnectionThatBreaksWhileReadingIsPaused(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.MaxEvents = 4 })
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	got := newEvents[string]()
	s.On("x", func(ctx context.Context) { <-ctx.Done() })
	s.OnDisconnect(func(reason string) { got.add(reason) })
	for range 100 {
		p.send(`2["x"]`)
	}
	s.Disconnect(true)
	assert.Equal(t, "server namespace disconnect", got.next(t))
}

func TestClientThatDoesNotReadIsDisconnected(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.SendQueue = 16 })
	joined := connected(n.Namespace)
	got := newEvents[string]()
	slow := dial(t, n)
	slow.join("", "")
	s := joined.next(t)
	s.OnDisconnect(func(reason string) { got.add(reason) })
	fast := connect(t, n)
	slow.stall()
	text := strings.Repeat("x", 100_000)
	for s.Connected() {
		require.NoError(t, n.To("nobody", s.ID()).Emit(t.Context(), "x", text))
		require.NoError(t, n.Except(s.ID()).Emit(t.Context(), "y"))
		fast.expect(`2["y"]`)
	}
	assert.Equal(t, "send queue full", got.next(t))
	assert.ErrorIs(t, s.Emit("x"), socketio.ErrDisconnected)
}

func TestVolatileEventsAreDropped(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.SendQueue, c.SendQueueBytes = 16, 64<<20 })
	joined := connected(n.Namespace)
	slow := connect(t, n)
	s := joined.next(t)
	slow.stall()
	text := strings.Repeat("x", 100_000)
	dropped := 0
	for dropped < 100 {
		require.NoError(t, n.Volatile().Emit(t.Context(), "x", text))
		require.NoError(t, s.Volatile().Emit("x", text))
		if _, err := s.Volatile().Timeout(time.Nanosecond).EmitWithAck(t.Context(), "x",
			text); err != backplane.ErrTimeout {
			require.ErrorIs(t, err, socketio.ErrDropped)
			dropped++
		}
	}
	assert.True(t, s.Connected())
}
