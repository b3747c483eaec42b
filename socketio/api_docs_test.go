package socketio_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// apiTypes are the types that docs/reference/socketio-api.md names.
var apiTypes = map[string]reflect.Type{
	"Server": reflect.TypeFor[*socketio.Server](), "Namespace": reflect.TypeFor[*socketio.Namespace](),
	"ParentNamespace": reflect.TypeFor[*socketio.ParentNamespace](), "Socket": reflect.TypeFor[*socketio.Socket](),
	"Target": reflect.TypeFor[backplane.Target](), "RemoteSocket": reflect.TypeFor[*backplane.RemoteSocket](),
	"Handshake": reflect.TypeFor[backplane.Handshake](), "Config": reflect.TypeFor[socketio.Config](),
	"Value": reflect.TypeFor[backplane.Value](),
}

// apiFuncs are the functions that the page names.
var apiFuncs = map[string]any{"NewServer": socketio.NewServer, "HTTPServer": socketio.HTTPServer}

func hasMember(t reflect.Type, name string) bool {
	if _, is := t.MethodByName(name); is {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, is := t.FieldByName(name)
	return is
}

var quoted = regexp.MustCompile("`([^`]+)`")

// Each row has a Go name that exists, or says why there is none.
func TestNamesInTheAPITableExist(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/socketio-api.md")
	require.NoError(t, err)
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.Contains(line, "---") || strings.Contains(line, "| Go |") {
			assert.False(t, strings.HasPrefix(line, "| `") && len(cells) != 5, "a row must have three columns: %s",
				line)
			continue
		}
		rows++
		ours, remark := strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		if ours == "—" {
			assert.NotEmpty(t, remark, "a row without a Go name must give a reason: %s", line)
			continue
		}
		names := quoted.FindAllStringSubmatch(ours, -1)
		require.NotEmpty(t, names, line)
		for _, m := range names {
			of, name, is := strings.Cut(m[1], ".")
			if !is {
				assert.Contains(t, apiFuncs, of, line)
				continue
			}
			require.Contains(t, apiTypes, of, line)
			assert.True(t, hasMember(apiTypes[of], name), "there is no %s: %s", m[1], line)
		}
	}
	assert.Greater(t, rows, 70)
}

// Each method of these types is in one of the two tables.
func TestAPITablesAreComplete(t *testing.T) {
	var pages string
	for _, name := range []string{"../docs/reference/socketio-api.md", "../docs/reference/socketio.md"} {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		pages += string(page)
	}
	for _, of := range []string{"Server", "Namespace", "ParentNamespace", "Socket", "Target", "RemoteSocket"} {
		for i := range apiTypes[of].NumMethod() {
			name := apiTypes[of].Method(i).Name
			if forClusters[name] {
				continue
			}
			assert.True(t, regexp.MustCompile(`\b`+name+`\b`).MatchString(pages), "%s.%s is in neither table", of, name)
		}
	}
}

// forClusters are methods of a cluster and of bridges. docs/howto/own-hub.md and the package documentation describe
// them.
var forClusters = map[string]bool{"CustomRequest": true, "OnCustomRequest": true, "RemoteJoin": true,
	"RemoteLeave": true, "RemoteDisconnect": true, "Forward": true, "Relayed": true,
	"Peers": true, "UID": true, "WaitForPeers": true, "WaitReady": true, "Channel": true, "PeerPositions": true,
	"LogOrder": true, "ReadLog": true, "Keeps": true, "TakenSession": true}
