package backplane_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/internal/streamentry"
)

// Every message in docs/reference/redis-streams-protocol.md is read by the dialect. Those of Node.js were recorded, and
// those of this library are written back the same.
func TestMessagesInTheRedisStreamsProtocolAreReal(t *testing.T) {
	page := read(t, "docs/reference/redis-streams-protocol.md")
	recorded := recordedStreams(t)
	shown := make(map[codec.Type]bool)
	check := func(prefix, channel string, p []byte) {
		w, err := redisstreams.Dialect{}.Open(dialect.Options{Prefix: prefix})
		require.NoError(t, err)
		env, err := w.Parse(channel, p)
		require.NoError(t, err, "%s %s", channel, p)
		require.NotNil(t, env)
		require.Zero(t, env.Skipped, "%s", p)
		shown[env.Type] = true
		if prefix == "vectors" {
			require.True(t, recorded[channel+" "+string(p)], "not recorded: %s", p)
			return
		}
		written, err := w.Append(nil, env)
		require.NoError(t, err)
		require.Equal(t, string(p), string(written))
	}
	for _, block := range blocksIn(page, "streams") {
		for line := range strings.Lines(block) {
			words := strings.Fields(line)
			require.Equal(t, []string{"XADD", words[1], "MAXLEN", "~", "10000", "*"}, words[:6])
			require.Len(t, words[6:], 8)
			check(words[1], streamentry.Channel(words[1], words[9]), streamentry.Append(nil, words[6:]...))
		}
	}
	dumps := blocksIn(page, "hex")
	require.Len(t, dumps, 3)
	check("vectors", "vectors#/chat#", []byte(undump(t, dumps[0])))
	check("vectors", "vectors#/chat#bcd479126340ccef#", []byte(undump(t, dumps[1])))
	check("socket.io", "socket.io#/chat#", []byte(undump(t, dumps[2])))
	require.Len(t, shown, 7)
}

// recordedStreams has the messages of the npm package, after their channels.
func recordedStreams(t *testing.T) map[string]bool {
	t.Helper()
	p, err := os.ReadFile("dialect/redisstreams/testdata/vectors.json")
	require.NoError(t, err)
	var vectors []struct {
		Channel string
		Raw     []byte
	}
	require.NoError(t, json.Unmarshal(p, &vectors))
	recorded := make(map[string]bool)
	for _, v := range vectors {
		recorded[v.Channel+" "+string(v.Raw)] = true
	}
	return recorded
}
