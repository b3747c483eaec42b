package clients_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var declared = regexp.MustCompile(`^    (?:get |readonly )*([a-z]\w*)\??[(:<;]`)

// members returns the public names of a class or an interface in a TypeScript declaration file.
func members(t *testing.T, file, of string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("BACKPLANE_TEST_NODE_MODULES"), file))
	require.NoError(t, err)
	_, body, found := regexpCut(`(?m)^(?:export )?(?:declare )?(?:class|interface) `+of+`\b`, string(text))
	require.True(t, found, "%s in %s", of, file)
	body, _, _ = strings.Cut(body, "\n}")
	var names []string
	private := false // whether the preceding comment marks the next name as private
	for _, line := range strings.Split(body, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "/*") {
			private = false
		}
		if strings.HasPrefix(trimmed, "/*") || strings.HasPrefix(trimmed, "*") {
			private = private || strings.Contains(line, "@private")
			continue
		}
		if m := declared.FindStringSubmatch(line); m != nil && m[1] != "constructor" && !private && m[1] != "private" &&
			m[1] != "protected" {
			names = append(names, m[1])
		}
		private = false
	}
	require.NotEmpty(t, names, "%s in %s", of, file)
	return names
}

func regexpCut(pattern, text string) (before, after string, found bool) {
	at := regexp.MustCompile(pattern).FindStringIndex(text)
	if at == nil {
		return text, "", false
	}
	return text[:at[0]], text[at[1]:], true
}

// TestAPITableIsComplete: every public name of Socket.IO's server has a row in docs/reference/socketio-api.md.
func TestAPITableIsComplete(t *testing.T) {
	if os.Getenv("BACKPLANE_TEST_NODE_MODULES") == "" {
		t.Skip("BACKPLANE_TEST_NODE_MODULES, the path of a node_modules directory, is not set")
	}
	page, err := os.ReadFile("../../../docs/reference/socketio-api.md")
	require.NoError(t, err)
	for _, c := range []struct{ section, file, of string }{
		{"Server", "socket.io/dist/index.d.ts", "Server"},
		{"Namespace", "socket.io/dist/namespace.d.ts", "Namespace"},
		{"Parent namespace", "socket.io/dist/parent-namespace.d.ts", "ParentNamespace"},
		{"Socket", "socket.io/dist/socket.d.ts", "Socket"},
		{"Broadcast operator", "socket.io/dist/broadcast-operator.d.ts", "BroadcastOperator"},
		{"Remote socket", "socket.io/dist/broadcast-operator.d.ts", "RemoteSocket"},
		{"Handshake", "socket.io/dist/socket-types.d.ts", "Handshake"},
		{"Options", "socket.io/dist/index.d.ts", "ServerOptions"},
		{"Options", "engine.io/build/server.d.ts", "AttachOptions"},
		{"Options", "engine.io/build/server.d.ts", "ServerOptions"},
	} {
		_, section, found := strings.Cut(string(page), "\n## "+c.section+"\n")
		require.True(t, found, c.section)
		section, _, _ = strings.Cut(section, "\n## ")
		var theirs strings.Builder // the first column
		for _, line := range strings.Split(section, "\n") {
			if cells := strings.Split(line, "|"); len(cells) > 2 {
				theirs.WriteString(cells[1])
			}
		}
		for _, name := range members(t, c.file, c.of) {
			assert.Contains(t, theirs.String(), "`"+name+"`", "%s of %s", name, c.of)
		}
	}
}
