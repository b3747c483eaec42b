package standard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// postgres are the limits of PostgreSQL's NOTIFY.
var postgres = transport.Limits{Payload: 7999, Channel: 63, Text: true, Distinct: true}

func TestChannelNames(t *testing.T) {
	unlimited := transport.Limits{}
	for _, c := range []struct {
		prefix, nsp string
		limits      transport.Limits
		want        string // empty: a NameError
	}{
		{"socket.io", "/", postgres, "socket.io#/"},
		{"socket.io", "/admin", postgres, "socket.io#/admin"},
		{"", "/", postgres, "#/"},
		{"socket.io", `/"; DROP TABLE x; --`, postgres, `socket.io#/"; DROP TABLE x; --`},
		{"socket.io", `/it's \ "quoted"`, postgres, `socket.io#/it's \ "quoted"`},
		{"socket.io", "/😀", postgres, "socket.io#/😀"},
		{"socket.io", "/" + strings.Repeat("x", 52), postgres, "socket.io#/" + strings.Repeat("x", 52)},
		{"socket.io", "/" + strings.Repeat("x", 53), postgres, ""},
		{"socket.io", "/" + strings.Repeat("é", 26), postgres, "socket.io#/" + strings.Repeat("é", 26)},
		{"socket.io", "/" + strings.Repeat("é", 26) + "x", postgres, ""},
		{"socket.io", "/" + strings.Repeat("x", 500), unlimited, "socket.io#/" + strings.Repeat("x", 500)},
		{"socket.io", "admin", postgres, ""},
		{"socket.io", "/a\x00", unlimited, ""},
		{"socket.io", "/a\xff", unlimited, ""},
	} {
		w, err := standard.Dialect{}.Open(dialect.Options{Prefix: c.prefix, Limits: c.limits})
		require.NoError(t, err)
		got, err := w.Namespace(c.nsp, "0123456789abcdef")
		if c.want != "" {
			require.NoError(t, err, "Namespace(%q) with prefix %q", c.nsp, c.prefix)
			assert.Equal(t, []string{c.want}, got.Listen())
			assert.Equal(t, c.want, got.Channel(nil))
			continue
		}
		var wrong *fault.NameError
		require.ErrorAs(t, err, &wrong, "Namespace(%q) with prefix %q", c.nsp, c.prefix)
		assert.Equal(t, "namespace", wrong.Kind)
		assert.Equal(t, c.nsp, wrong.Name)
		assert.Nil(t, got)
	}
}

func TestPrefixLeavesRoomForANamespace(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"": true, "socket.io": true, strings.Repeat("x", 61): true, strings.Repeat("x", 62): false, "a\x00": false,
		"\xff": false, `"'\`: true,
	} {
		w, err := standard.Dialect{}.Open(dialect.Options{Prefix: prefix, Limits: postgres})
		assert.Equal(t, ok, err == nil, "prefix %q: %v", prefix, err)
		if !ok {
			continue
		}
		for _, name := range []string{"/", ""} {
			_, err = w.Namespace(name, "0123456789abcdef")
			assert.NoError(t, err, "a prefix that is accepted can be used for the namespace %q", name)
		}
	}
}
