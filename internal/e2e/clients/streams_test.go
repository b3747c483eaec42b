package clients_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/streamsdriver"
	"github.com/backplane-go/backplane/transport"
)

// streamsCluster has servers of both kinds that share Redis streams, and the sessions of their clients.
type streamsCluster struct {
	redis  *redistest.Server
	config config
	node   *nodeServer
	ours   []*goServer
}

func newStreamsCluster(t *testing.T, h *host, goServers int) *streamsCluster {
	s := &streamsCluster{redis: redistest.New(t), config: recovers}
	port, err := strconv.Atoi(s.redis.Port())
	require.NoError(t, err)
	s.config.logged, s.config.streams = true, port
	s.node = h.newServer(t, s.config, "")
	for range goServers {
		s.ours = append(s.ours, newGoServer(t, s.config, streamsBus(t, s.redis.Address())))
	}
	for _, server := range s.all() {
		_, err := server.run(patient(t), op{Call: "serverCount", Count: 1 + goServers})
		require.NoError(t, err)
	}
	return s
}

func (s *streamsCluster) all() []server {
	all := []server{s.node}
	for _, o := range s.ours {
		all = append(all, o)
	}
	return all
}

func streamsBus(t *testing.T, address string) transport.Bus {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	d := streamsdriver.New(client)
	t.Cleanup(func() {
		require.NoError(t, d.Close(context.Background()))
		require.NoError(t, client.Close())
	})
	return d
}

// sessions returns the keys of sessions that are stored.
func (s *streamsCluster) sessions(t *testing.T) (keys []string) {
	for _, key := range s.redis.Do(t, "KEYS", "sio:session:*").Items {
		keys = append(keys, key.Text())
	}
	return keys
}

// awaitSession waits until the session of a client that is away is stored, and returns its key.
func (s *streamsCluster) awaitSession(t *testing.T) string {
	t.Helper()
	for ctx := patient(t); ; {
		if keys := s.sessions(t); len(keys) == 1 {
			return keys[0]
		}
		require.NoError(t, ctx.Err(), "no session is stored")
		<-time.After(5 * time.Millisecond)
	}
}

func address(s server) string { return s.url()[len("http://"):] }

// TestInteropRedisStreamsRecovery: official clients that lose their connection come back to servers of the other kind,
// with their session and what they have missed, and so on.
func TestInteropRedisStreamsRecovery(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	s := newStreamsCluster(t, h, 2)
	servers := []server{s.node, s.ours[0], s.node, s.ours[0], s.ours[1], s.ours[1], s.node, s.node, s.ours[1]}
	f := &fixture{T: t, ctx: patient(t), host: h, server: servers[0], transports: []string{"websocket"}}
	b := newBalancer(t, address(servers[0]))
	c := f.settled(clientSpec{URL: b.url(), Auth: map[string]any{"rooms": []string{"den"},
		"data": map[string]any{"n": 1, "ü": []any{nil}}}})
	id := c.id
	f.must(op{Call: "join", Rooms: []string{"lair"}}.of(id))
	for i := range len(servers) - 1 {
		from, to := servers[i], servers[i+1]
		f.server = from
		f.must(emit("seen", i))
		offset(f, c, "seen", i)
		b.cut()
		require.NotEmpty(t, f.gone(c))
		c.disconnected() // a client that has not noticed yet would not connect again
		s.awaitSession(t)
		f.must(emit("missed", i, 1).to("den"))
		f.must(emit("missed", i, 2, []byte{1}).to(id))
		f.must(emit("missed", i, 3).to("elsewhere"))
		f.must(emit("missed", i, 4).except("lair"))
		f.server = to
		f.must(emit("missed", i, 5).to("lair"))
		b.lead(address(to))
		c.do("reconnect", map[string]any{})
		at := c.connected()
		require.True(t, at.Recovered, "%d", i)
		require.Equal(t, id, at.ID)
		e := f.accepted(c)
		require.True(t, e.Recovered)
		require.ElementsMatch(t, []string{id, "den", "lair"}, e.Rooms)
		same(t, map[string]any{"n": 1, "ü": []any{nil}}, e.Data.V)
		offset(f, c, "missed", i, 1)
		offset(f, c, "missed", i, 2, []byte{1})
		offset(f, c, "missed", i, 5)
		f.must(emit("live", i).of(id))
		offset(f, c, "live", i)
		f.settle(c)
		require.Empty(t, s.sessions(t), "one server has the session")
	}
}

// TestInteropRedisStreamsRecoveryRefused: a client is a new one if its session is another's, was taken or cannot be
// read, and if its offset is none of the stream.
func TestInteropRedisStreamsRecoveryRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	s := newStreamsCluster(t, h, 2)
	ours, other := s.ours[0], s.ours[1]
	auth := map[string]any{"rooms": []string{"den"}}
	for name, spoil := range map[string]func(t *testing.T, key string){
		"taken":     func(t *testing.T, key string) { s.redis.Do(t, "DEL", key) },
		"foreign":   func(t *testing.T, key string) { s.redis.Do(t, "SET", key, "\xff\x00") },
		"malformed": func(t *testing.T, key string) { s.redis.Do(t, "SET", key, "gaNzaWSQ") },
		"anothers": func(t *testing.T, key string) { // {sid: "a", pid: "b", rooms: [], data: {}}
			s.redis.Do(t, "SET", key, "hKNzaWShYaNwaWShYqVyb29tc5CkZGF0YYA=")
		},
		"trimmed": func(t *testing.T, _ string) { s.redis.Do(t, "XTRIM", "socket.io", "MAXLEN", "0") },
	} {
		for _, from := range []server{s.node, ours} {
			f := &fixture{T: t, ctx: patient(t), host: h, server: from, transports: []string{"websocket"}}
			b := newBalancer(t, address(from))
			c := f.settled(clientSpec{URL: b.url(), Auth: auth})
			f.must(emit("seen"))
			offset(f, c, "seen")
			id := c.id
			b.cut()
			require.NotEmpty(t, f.gone(c), name)
			c.disconnected() // see above
			spoil(t, s.awaitSession(t))
			f.server = other
			b.lead(address(other))
			c.do("reconnect", map[string]any{})
			at := c.connected()
			require.False(t, at.Recovered, name)
			require.NotEqual(t, id, at.ID, name)
			c.do("disconnect", map[string]any{})
			for _, key := range s.sessions(t) {
				s.redis.Do(t, "DEL", key)
			}
			other.errors.Take() // what it has reported of the session
		}
	}
}
