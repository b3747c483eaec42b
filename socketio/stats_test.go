package socketio_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestStatsFollowAClientToItsWebSocket(t *testing.T) {
	n := serve(t)
	p := poll(t, n)
	s := n.Stats()
	assert.Equal(t, [2]int{1, 0}, [2]int{s.Polling, s.WebSocket})
	url := strings.Replace(strings.Replace(p.url, "http", "ws", 1), "transport=polling", "transport=websocket", 1)
	conn, _, _, err := ws.Dial(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, wsutil.WriteClientText(conn, []byte("2probe")))
	answer, _, err := wsutil.ReadServerData(conn)
	require.NoError(t, err)
	require.Equal(t, "3probe", string(answer))
	s = n.Stats()
	assert.Equal(t, [2]int{1, 0}, [2]int{s.Polling, s.WebSocket}, "a probe is no transport yet")
	require.NoError(t, wsutil.WriteClientText(conn, []byte("5")))
	eventually(t, "the client uses its WebSocket", func() bool {
		s := n.Stats()
		return s.Polling == 0 && s.WebSocket == 1
	})
	require.NoError(t, wsutil.WriteClientText(conn, []byte("1")))
	eventually(t, "the client has disconnected", func() bool {
		s := n.Stats()
		return s.Polling == 0 && s.WebSocket == 0 && s.Disconnects["transport close"] == 1
	})
	assert.EqualValues(t, 1, n.Stats().Connects)
}

func TestStatsCountRefusalsByReason(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.MaxConnections = 2 })
	n.Of("/refuses").Use(func(*socketio.Socket) error { return errors.New("a text of the application") })
	n.Of("/panics").Use(func(*socketio.Socket) error { panic("on purpose") })
	p := connect(t, n)
	for _, name := range []string{"/refuses", "/panics", "/unknown", "/unknown"} {
		p.send("0%s,", name)
		require.True(t, strings.HasPrefix(p.next(), "4"+name+","))
	}
	connect(t, n)
	for _, query := range []string{"", "&sid=unknown"} {
		response, err := http.Get(n.url + "/socket.io/?EIO=4&transport=polling" + query)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	got := n.Stats().Refusals
	for reason, want := range map[string]uint64{"middleware": 1, "internal error": 1, "Invalid namespace": 2,
		"too many connections": 1, "Session ID unknown": 1} {
		assert.Equal(t, want, got[reason], reason)
	}
	sum := uint64(0)
	for _, count := range got {
		sum += count
	}
	assert.EqualValues(t, 6, sum, "each refusal has one reason: %v", got)
	assert.NotContains(t, got, "a text of the application")
}

func TestStatsCountRecoveries(t *testing.T) {
	n := logged(t, memory.NewHub(), 1, func(c *socketio.Config) { c.PingTimeout = patience })[0]
	on := connected(n.Namespace)
	r, s := begun(t, n, on)
	away(t, r, s)
	enter(t, n, `{"pid":"unknown","offset":"x"}`)
	back := enter(t, n, r.auth())
	require.Equal(t, r.id, back.id)
	stats := n.Stats()
	assert.EqualValues(t, 1, stats.Recovered)
	assert.EqualValues(t, 1, stats.NotRecovered, "the first time, the client did not ask for a session")
}

func TestStatsHaveTheLengthsOfSendQueues(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.SendQueue, c.SendQueueBytes = 1<<20, 1<<30 })
	on := connected(n.Namespace)
	p := dial(t, n)
	p.join("", "")
	slow := on.next(t)
	connect(t, n)
	on.next(t)
	eventually(t, "the greetings were written", func() bool { return n.Stats().QueuedPackets == 0 })
	p.stall()
	before := n.Stats()
	large := strings.Repeat("x", 100_000)
	sent := 0
	eventually(t, "the client's socket is full", func() bool {
		require.NoError(t, slow.Emit("event", large))
		sent++
		return n.Stats().QueuedPackets > 50
	})
	s := n.Stats()
	assert.Equal(t, s.QueuedPackets, s.MostQueuedPackets, "the other client has none")
	assert.Equal(t, before.SentEvents+uint64(sent), s.SentEvents)
	assert.Less(t, s.SentBytes-before.SentBytes, uint64(sent)*100_000, "what is queued was not written")
	assert.Greater(t, s.SentBytes, before.SentBytes)
}

func TestStatsMeasureHandlers(t *testing.T) {
	n := serve(t)
	started, release := make(chan time.Time), make(chan struct{})
	n.OnConnection(func(s *socketio.Socket) {
		s.On("slow", func() {
			started <- time.Now()
			<-release
		})
		s.On("sync", func(ack func()) { ack() })
	})
	p := connect(t, n)
	p.send(`2["slow"]`)
	at := <-started
	least := time.Since(at)
	close(release)
	p.sync("")
	s := n.Stats()
	assert.EqualValues(t, 1, s.HandlerTime.Count(), "the first event is measured")
	assert.GreaterOrEqual(t, s.HandlerTime.Sum, least.Seconds())
	for range 32 {
		p.sync("")
	}
	s = n.Stats()
	assert.EqualValues(t, 34, s.ReceivedEvents)
	assert.EqualValues(t, 3, s.HandlerTime.Count(), "then one of 16, and the 33rd is over when the 34th is handled")
}

func TestStatsCountAcknowledgements(t *testing.T) {
	n := serve(t)
	on := connected(n.Namespace)
	p := connect(t, n)
	s := on.next(t)
	answered := make(chan error, 1)
	go func() {
		_, err := s.EmitWithAck(t.Context(), "question")
		answered <- err
	}()
	question := p.next()
	eventually(t, "the server waits for the acknowledgement", func() bool { return n.Stats().AwaitedAcks == 1 })
	p.send("3%s[]", strings.TrimSuffix(strings.TrimPrefix(question, "2"), `["question"]`))
	require.NoError(t, <-answered)
	p.sync("")
	eventually(t, "the server's acknowledgement is counted", func() bool { return n.Stats().SentAcks == 1 })
	stats := n.Stats()
	assert.EqualValues(t, 1, stats.ReceivedAcks)
	assert.Zero(t, stats.AwaitedAcks)
}
