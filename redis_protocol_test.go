package backplane_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redissharded"
)

// Every message in docs/reference/redis-protocol.md is read by the dialect. Those of Node.js were recorded, and those
// of this library are written back the same.
func TestMessagesInTheRedisProtocolAreReal(t *testing.T) {
	checkRedisPage(t, "redis-protocol", "redisclassic", redisclassic.Dialect{}, "PUBLISH", []string{
		"vectors#/chat#news#", "socket.io#/chat#r1#", "vectors-request#/chat#", "vectors-response#/chat#"})
}

// The same for docs/reference/redis-sharded-protocol.md.
func TestMessagesInTheShardedRedisProtocolAreReal(t *testing.T) {
	checkRedisPage(t, "redis-sharded-protocol", "redissharded", redissharded.Dialect{}, "SPUBLISH", []string{
		"vectors#/chat#"})
}

// checkRedisPage checks the messages of a page. command publishes, and channels are those of the messages in
// hexadecimal.
func checkRedisPage(t *testing.T, name, of string, d dialect.Dialect, command string, channels []string) {
	t.Helper()
	page, err := os.ReadFile("docs/reference/" + name + ".md")
	require.NoError(t, err)
	recorded := recordedRedis(t, of)
	ours, theirs := redisWire(t, d, "socket.io"), redisWire(t, d, "vectors")
	shown := make(map[codec.Type]bool)
	check := func(channel string, p []byte) {
		wire := ours
		if strings.HasPrefix(channel, "vectors") {
			require.True(t, recorded[channel+" "+string(p)], "not recorded: %s", p)
			wire = theirs
		}
		env, err := wire.Parse(channel, p)
		require.NoError(t, err, "%s %s", channel, p)
		require.NotNil(t, env, "%s %s", channel, p)
		require.Zero(t, env.Skipped, "%s", p)
		shown[env.Type] = true
		if wire == ours {
			written, err := wire.Append(nil, env)
			require.NoError(t, err)
			require.Equal(t, string(p), string(written))
		}
	}
	for _, block := range blocksIn(string(page), "redis") {
		for line := range strings.Lines(block) {
			words := strings.SplitN(strings.TrimSpace(line), " ", 3)
			require.Len(t, words, 3, line)
			require.Equal(t, command, words[0])
			check(words[1], []byte(words[2]))
		}
	}
	dumps := blocksIn(string(page), "hex")
	require.Len(t, dumps, len(channels))
	for i, dump := range dumps {
		check(channels[i], []byte(undump(t, dump)))
	}
	for typ := codec.Type(0); typ < 1000; typ++ {
		if ours.Carries(typ) {
			require.True(t, shown[typ], "%v has no example", typ)
		}
	}
}

func redisWire(t *testing.T, d dialect.Dialect, prefix string) dialect.Wire {
	t.Helper()
	w, err := d.Open(dialect.Options{Prefix: prefix})
	require.NoError(t, err)
	return w
}

// recordedRedis has the messages of the npm packages that a dialect is tested with, after their channels.
func recordedRedis(t *testing.T, of string) map[string]bool {
	t.Helper()
	p, err := os.ReadFile("dialect/" + of + "/testdata/vectors.json")
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
