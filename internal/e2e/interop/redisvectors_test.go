package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
)

// redisVector is a message that one of the packages published. dialect/redisclassic/testdata/README.md documents it.
type redisVector struct {
	Name    string          `json:"name"`
	NSP     string          `json:"nsp"`
	Channel string          `json:"channel"`
	Raw     []byte          `json:"raw"`
	Decoded json.RawMessage `json:"decoded"`
}

// redisRecorder records vectors.
type redisRecorder struct {
	*testing.T
	ctx     context.Context
	port    int
	mode    string // of sharded adapters; empty: classic ones
	streams bool   // the messages are those of clusters on Redis streams
	heard   func() (channel, payload string)
	decoder *interop.Peer
	vectors []redisVector
}

func (r *redisRecorder) start(adapter, ids string) *interop.Peer {
	return interop.Start(r, interop.Config{Adapter: adapter, Redis: interop.RedisOptions{Port: r.port, Key: vectorKey,
		IDs: ids, Sharded: r.mode}})
}

func (r *redisRecorder) open(p *interop.Peer, nsp string) *interop.Namespace {
	r.Helper()
	ns, err := p.Namespace(r.ctx, nsp)
	require.NoError(r, err)
	return ns
}

func (r *redisRecorder) connect(ns *interop.Namespace, data any, rooms ...string) *interop.Client {
	r.Helper()
	c, err := ns.Connect(r.ctx, interop.ClientSpec{Rooms: rooms, Data: data})
	require.NoError(r, err)
	require.NoError(r, c.Odd(r.ctx, "handshake", "object"), "the real one has ports and times")
	return c
}

// record adds the messages that are published while do runs, until a broadcast to the room "fence" that it sends at the
// end. If there are several, their names are followed by numbers.
func (r *redisRecorder) record(name, nsp string, from *interop.Namespace, do func() error) {
	r.Helper()
	require.NoError(r, do())
	require.NoError(r, from.Emit(r.ctx, interop.To("fence"), "fence"))
	var list []redisVector
	for {
		channel, payload := r.heard()
		if strings.HasSuffix(channel, "#fence#") || r.streams && strings.Contains(payload, `"rooms":["fence"]`) {
			break
		}
		decoded, err := r.decoder.DecodeRedis(r.ctx, decodable(r, payload))
		require.NoError(r, err, name)
		list = append(list, redisVector{name, nsp, channel, []byte(payload), decoded})
	}
	require.NotEmpty(r, list, name)
	for i := range list {
		if len(list) > 1 {
			list[i].Name += ": " + strconv.Itoa(i+1)
		}
	}
	r.vectors = append(r.vectors, list...)
}

// TestInteropRedisVectors records each message of the packages and compares them with the vectors that package
// dialect/redisclassic is tested with.
func TestInteropRedisVectors(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	port, err := strconv.Atoi(server.Port())
	require.NoError(t, err)
	client := redis.NewClient(&redis.Options{Addr: server.Address()})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	ctx := patient(t)
	heard := client.PSubscribe(ctx, vectorKey+"*")
	t.Cleanup(func() { require.NoError(t, heard.Close()) })
	_, err = heard.Receive(ctx) // the confirmation
	require.NoError(t, err)
	r := &redisRecorder{T: t, ctx: ctx, port: port, heard: func() (channel, payload string) {
		m, err := heard.ReceiveMessage(ctx)
		require.NoError(t, err)
		return m.Channel, m.Payload
	}}
	r.decoder = r.start(interop.RedisEmitter, "decoder")
	recordRedisAdapter(r, interop.Redis8)
	recordRedisAdapter(r, interop.Redis7)
	recordOldRequests(r)
	recordRedisEmitter(r)

	compareRedisVectors(r, "redisclassic")
}

// compareRedisVectors compares what was recorded with the file of a dialect.
func compareRedisVectors(r *redisRecorder, dialect string) {
	t := r.T
	t.Helper()
	path := filepath.Join("..", "..", "..", "dialect", dialect, "testdata", "vectors.json")
	if *updateVectors {
		require.NoError(t, os.WriteFile(path, formatRedisVectors(t, r.vectors), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var want []redisVector
	require.NoError(t, json.Unmarshal(text, &want))
	for i := range max(len(want), len(r.vectors)) {
		require.Less(t, i, len(want), "the file has no vector %q", r.vectors[min(i, len(r.vectors)-1)].Name)
		require.Less(t, i, len(r.vectors), "nothing was recorded for the vector %q", want[i].Name)
		assert.Equal(t, want[i], r.vectors[i], "vector %q", want[i].Name)
	}
}

// formatRedisVectors returns the file: a list with one vector per line.
func formatRedisVectors(t *testing.T, vectors []redisVector) []byte {
	var out bytes.Buffer
	for i, v := range vectors {
		out.WriteString([]string{"[\n", ",\n"}[min(i, 1)])
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(v))
		out.Truncate(out.Len() - 1) // the newline that Encode adds
	}
	out.WriteString("\n]\n")
	return out.Bytes()
}
