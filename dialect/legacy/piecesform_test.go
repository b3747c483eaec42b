package legacy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every piece is a message that the npm package joins: a pair, whose second text has a header of 50 characters.
func TestPiecesHaveTheFormOfTheNodePackage(t *testing.T) {
	w := open(t, "socket.io")
	env := custom(t, strings.Repeat("ü🎉\"", 2000))
	list := split(t, w, env, limit)
	var joined strings.Builder
	for i, p := range list {
		var pair []string
		require.NoError(t, json.Unmarshal([]byte(p), &pair))
		header, text := pair[1][:50], pair[1][50:]
		parts := strings.Split(strings.TrimSpace(header), "_")
		require.Equal(t, []string{"", "chunk", parts[2], fmt.Sprint(i), fmt.Sprint(len(list))}, parts)
		require.NotEmpty(t, text)
		joined.WriteString(text)
	}
	whole, err := w.Append(nil, env)
	require.NoError(t, err)
	var pair []string
	require.NoError(t, json.Unmarshal(whole, &pair))
	require.Equal(t, pair[1], joined.String())
}
