package backplane_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
)

// Every message in docs/reference/legacy-protocol.md is read by the dialect. Those of Node.js were recorded, and those
// of this library are written back the same.
func TestMessagesInTheLegacyProtocolAreReal(t *testing.T) {
	page, err := os.ReadFile("docs/reference/legacy-protocol.md")
	require.NoError(t, err)
	recorded := recordedLegacy(t)
	ours, theirs := legacyWire(t, "socket.io"), legacyWire(t, "vectors")
	process, err := ours.Namespace("", "")
	require.NoError(t, err)
	shown := make(map[codec.Type]bool)
	var own *codec.Envelope // the broadcast of this library
	var payload string
	for _, block := range blocksIn(string(page), "json") {
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			wire, channel := ours, "socketio"
			switch {
			case strings.HasPrefix(line, `["vectors`):
				require.True(t, recorded[line], "not recorded: %s", line)
				wire = theirs
			case strings.HasPrefix(line, "{"):
				channel = process.Listen()[0]
			}
			env, err := wire.Parse(channel, []byte(line))
			require.NoError(t, err, line)
			if env == nil {
				require.Contains(t, line, "_chunk_")
				continue
			}
			require.Zero(t, env.Skipped, line)
			shown[env.Type] = true
			if wire == theirs || strings.Contains(line, "_chunk_") {
				continue
			}
			written, err := wire.Append(nil, env)
			require.NoError(t, err)
			require.Equal(t, line, string(written))
			if env.Type == codec.Broadcast {
				own = env
				var pair []string
				require.NoError(t, json.Unmarshal(written, &pair))
				payload = pair[1]
			}
		}
	}
	for typ := codec.Type(0); typ < 1000; typ++ {
		if ours.Carries(typ) && typ != codec.SocketRoomsResponse { // it is read as a ListRoomsResponse
			require.True(t, shown[typ], "%v has no example", typ)
		}
	}

	dumps := blocksIn(string(page), "hex")
	require.Len(t, dumps, 1)
	require.Equal(t, payload, base64.StdEncoding.EncodeToString([]byte(undump(t, dumps[0]))))
	var picture []byte
	require.NoError(t, own.Args.Decode(nil, &picture))
	require.Equal(t, []byte{0xca, 0xfe}, picture)
}

func legacyWire(t *testing.T, prefix string) dialect.Wire {
	t.Helper()
	w, err := legacy.Dialect{}.Open(dialect.Options{Prefix: prefix})
	require.NoError(t, err)
	return w
}

// recordedLegacy has the messages of the npm package that are not in pieces.
func recordedLegacy(t *testing.T) map[string]bool {
	t.Helper()
	p, err := os.ReadFile("dialect/legacy/testdata/vectors.json")
	require.NoError(t, err)
	var vectors []struct{ Raw []string }
	require.NoError(t, json.Unmarshal(p, &vectors))
	recorded := make(map[string]bool)
	for _, v := range vectors {
		recorded[v.Raw[0]] = len(v.Raw) == 1
	}
	return recorded
}
