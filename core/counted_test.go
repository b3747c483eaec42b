package core_test

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// listened opens a cluster whose nodes are the listeners of a channel.
func listened(t *testing.T, bus transport.Bus, change ...func(*core.Config)) *core.Cluster {
	t.Helper()
	speak := func(c *core.Config) { c.Dialect = redisclassic.Dialect{} }
	return open(t, bus, append([]func(*core.Config){speak}, change...)...)
}

// stranger is a node that answers each request with what the test says. "ID" in it stands for the request's.
type stranger struct{ leave func() }

var idOf = regexp.MustCompile(`requestId.{1,3}?([0-9a-f]{16})`)

func newStranger(t *testing.T, hub *memory.Hub, answers ...string) *stranger {
	t.Helper()
	session, err := hub.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, session.Listen(t.Context(), "socket.io-request#/#"))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			m, err := session.Receive(ctx)
			if err != nil {
				return
			}
			id := idOf.FindSubmatch(m.Payload)
			if id == nil {
				continue
			}
			for _, answer := range answers {
				p := regexp.MustCompile("ID").ReplaceAll([]byte(answer), id[1])
				_ = hub.Publish(ctx, transport.Message{Channel: "socket.io-response#/#", Payload: p})
			}
		}
	})
	s := &stranger{leave: sync.OnceFunc(func() {
		cancel()
		group.Wait()
		_ = session.Close(context.Background())
	})}
	t.Cleanup(s.leave)
	return s
}

// ackOf is the acknowledgement of a client.
func ackOf(uid string) string {
	return "\x84\xa3uid" + string([]byte{0xa0 | byte(len(uid))}) + uid + "\xa4type\x09\xa9requestId\xb0ID\xa6packet\x01"
}

// countOf says how many clients were asked.
func countOf(uid string, clients int) string {
	return fmt.Sprintf(`{"uid":%q,"type":8,"requestId":"ID","clientCount":%d}`, uid, clients)
}

func TestCountedNodesKnowEachOther(t *testing.T) {
	hub := memory.NewHub()
	one, two := listened(t, hub), listened(t, hub)
	first := join(t, one, "/", nil)
	require.Equal(t, 1, first.ServerCount())
	second := join(t, two, "/", nil)
	require.Equal(t, []string{"1"}, second.Peers())
	require.NoError(t, first.WaitForPeers(t.Context(), 1))
	found, err := first.FetchSockets(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoError(t, second.Close(t.Context()))
	found, err = first.FetchSockets(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
	require.Equal(t, 1, first.ServerCount())
}

// Answers without a sender are added up, in whatever order they come. A node that names itself counts once.
func TestAcknowledgementsOfCountedNodes(t *testing.T) {
	for name, c := range map[string]struct {
		answers [][]string // of each node
		values  int
	}{
		"Nobody":           {[][]string{{countOf("", 0)}, {countOf("", 0)}}, 0},
		"Some":             {[][]string{{countOf("", 2), ackOf(""), ackOf("")}, {countOf("", 0)}}, 2},
		"AcksComeFirst":    {[][]string{{ackOf(""), ackOf(""), countOf("", 2)}, {ackOf(""), countOf("", 1)}}, 3},
		"MoreThanCounted":  {[][]string{{ackOf(""), ackOf(""), countOf("", 1)}, {countOf("", 0)}}, 1},
		"Named":            {[][]string{{countOf("a", 1), ackOf("a")}, {countOf("b", 1), ackOf("b")}}, 2},
		"NamedTwice":       {[][]string{{countOf("a", 1), countOf("a", 5), ackOf("a")}, {countOf("", 0)}}, 1},
		"NamedLikeNumbers": {[][]string{{countOf("1", 1), ackOf("1")}, {countOf("2", 1), ackOf("2")}}, 2},
		"Mixed":            {[][]string{{ackOf("a"), countOf("a", 1)}, {ackOf(""), countOf("", 1)}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			hub := memory.NewHub()
			for _, answers := range c.answers {
				newStranger(t, hub, answers...)
			}
			ns := join(t, listened(t, hub), "/", nil)
			values, err := ns.Timeout(10*time.Second).EmitWithAck(t.Context(), "ask")
			require.NoError(t, err)
			require.Len(t, values, c.values)
		})
	}
}

// A node that answers twice, or for others, does not end the request before the others have answered.
func TestMissingAnswersOfCountedNodes(t *testing.T) {
	const sockets = `{"uid":"a","requestId":"ID","sockets":[{"id":"s","rooms":["s"]}]}`
	for name, answers := range map[string][]string{
		"Named": {sockets, sockets}, "OneWithoutName": {`{"requestId":"ID","sockets":[{"id":"s"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			hub := memory.NewHub()
			newStranger(t, hub, answers...)
			newStranger(t, hub)
			ns := join(t, listened(t, hub), "/", nil)
			found, err := ns.Timeout(time.Second).FetchSockets(t.Context())
			var partial *core.PartialError
			require.ErrorAs(t, err, &partial)
			assert.Equal(t, []string{"unknown node"}, partial.Missing)
			assert.Len(t, found, 1)
		})
	}
	hub := memory.NewHub()
	newStranger(t, hub, countOf("", 2), ackOf(""))
	ns := join(t, listened(t, hub), "/", nil)
	values, err := ns.Timeout(time.Second).EmitWithAck(t.Context(), "ask")
	var partial *core.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Equal(t, 1, partial.Clients)
	assert.Empty(t, partial.Missing)
	assert.Len(t, values, 1)
}

// A request does not wait for a node that leaves while it is under way.
func TestCountedNodeLeaves(t *testing.T) {
	hub := memory.NewHub()
	silent := newStranger(t, hub)
	newStranger(t, hub, `{"requestId":"ID","sockets":[]}`)
	answers, err := hub.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, answers.Listen(t.Context(), "socket.io-response#/#"))
	ns := join(t, listened(t, hub), "/", nil)
	done := make(chan error, 1)
	go func() {
		_, err := ns.Timeout(time.Minute).FetchSockets(t.Context())
		done <- err
	}()
	_, err = answers.Receive(t.Context()) // the request is under way
	require.NoError(t, err)
	silent.leave()
	var partial *core.PartialError
	require.ErrorAs(t, <-done, &partial)
	require.Equal(t, []string{"unknown node"}, partial.Left)
}

// If no other node is left, a request does not wait for acknowledgements either.
func TestLastCountedNodeLeaves(t *testing.T) {
	for _, uid := range []string{"", "a"} {
		hub := memory.NewHub()
		s := newStranger(t, hub, countOf(uid, 2), ackOf(uid))
		answers, err := hub.Open(t.Context())
		require.NoError(t, err)
		require.NoError(t, answers.Listen(t.Context(), "socket.io-response#/#"))
		ns := join(t, listened(t, hub), "/", nil)
		done := make(chan error, 1)
		go func() {
			_, err := ns.Timeout(time.Minute).EmitWithAck(t.Context(), "ask")
			done <- err
		}()
		for range 2 {
			_, err = answers.Receive(t.Context())
			require.NoError(t, err)
		}
		s.leave()
		var partial *core.PartialError
		require.ErrorAs(t, <-done, &partial)
		require.Equal(t, []string{"unknown node"}, partial.Left)
	}
}

// plainBus does not count who listens.
type plainBus struct{ transport.Bus }

func TestBusThatDoesNotCount(t *testing.T) {
	c := listened(t, plainBus{memory.NewHub()})
	_, err := c.Namespace(t.Context(), "/", core.NewRegistry(core.RegistryConfig{}))
	var config *core.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, "Bus", config.Field)
}
