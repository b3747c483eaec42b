package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

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
		{"socket.io", "", postgres, ""},
		{"socket.io", "admin", postgres, ""},
		{"socket.io", "/a\x00", unlimited, ""},
		{"socket.io", "/a\xff", unlimited, ""},
	} {
		got, err := wire.Channel(c.prefix, c.nsp, c.limits)
		if c.want != "" {
			assert.NoError(t, err, "Channel(%q, %q)", c.prefix, c.nsp)
			assert.Equal(t, c.want, got)
			continue
		}
		var wrong *fault.NameError
		require.ErrorAs(t, err, &wrong, "Channel(%q, %q)", c.prefix, c.nsp)
		assert.Equal(t, "namespace", wrong.Kind)
		assert.Equal(t, c.nsp, wrong.Name)
		assert.Empty(t, got)
	}
}

func TestPrefixLeavesRoomForANamespace(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"": true, "socket.io": true, strings.Repeat("x", 61): true, strings.Repeat("x", 62): false, "a\x00": false,
		"\xff": false, `"'\`: true,
	} {
		err := wire.CheckPrefix(prefix, postgres)
		assert.Equal(t, ok, err == nil, "CheckPrefix(%q): %v", prefix, err)
		if ok {
			_, err = wire.Channel(prefix, "/", postgres)
			assert.NoError(t, err, "a prefix that is accepted can be used")
		}
	}
}
