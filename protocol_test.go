package backplane_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// Every message in docs/reference/protocol.md is read by the codec, and written back the same.
func TestMessagesInTheProtocolAreReal(t *testing.T) {
	page, err := os.ReadFile("docs/reference/protocol.md")
	require.NoError(t, err)
	shown := make(map[codec.Type]bool)
	for _, block := range blocksIn(string(page), "json") {
		for line := range strings.Lines(block) {
			shown[roundTrip(t, strings.TrimSpace(line), codec.Text).Type] = true
		}
	}
	require.Len(t, shown, 14, "every type has an example")

	dumps := blocksIn(string(page), "hex")
	require.Len(t, dumps, 1)
	env := roundTrip(t, undump(t, dumps[0]), codec.Binary)
	var picture []byte
	require.NoError(t, env.Args.Decode(&picture))
	require.Equal(t, []byte{0xca, 0xfe}, picture)
}

func roundTrip(t *testing.T, message string, f codec.Format) *codec.Envelope {
	t.Helper()
	env, err := jsonmsgpack.Codec{}.Parse([]byte(message), f)
	require.NoError(t, err, message)
	written, err := jsonmsgpack.Codec{}.Append(nil, env, f)
	require.NoError(t, err, message)
	require.Equal(t, message, string(written))
	return env
}

// undump reads a dump: on each line what comes before the first word that is not hexadecimal.
func undump(t *testing.T, dump string) string {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(dump) {
		for _, column := range strings.Fields(line) {
			if _, err := hex.DecodeString(column); err != nil {
				break // the explanation
			}
			digits.WriteString(column)
		}
	}
	message, err := hex.DecodeString(digits.String())
	require.NoError(t, err)
	return string(message)
}
