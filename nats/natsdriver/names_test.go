package natsdriver_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// Other channels and prefixes never have the same subject, however similar their names are.
func TestSubjectsDoNotCollide(t *testing.T) {
	server := natstest.New(t, nil)
	long := strings.Repeat("x", 1024)
	names := []struct{ prefix, channel string }{
		{"", "a"}, {"", "a.b"}, {"", "a%2Eb"}, {"backplane.a", "b"}, {"backplane", "*"}, {"backplane", ">"},
		{"backplane", "a.*"}, {"backplane", "a.>"}, {"backplane", " "}, {"backplane", "\""}, {"backplane", "."},
		{"backplane", ".."}, {"backplane.", "."}, {".backplane", "a"}, {"backplane..", "a"}, {"backplane", "a\r\nPING"},
		{"backplane", "ü"}, {"backplane", "u"}, {"backplane", "\U0001F600"}, {"backplane", "%"}, {"backplane", "%25"},
		{"*", "a"}, {">", "a"}, {"b*", "a"}, {"$SYS", "a"}, {"a b", "a"},
		{"backplane", long}, {"backplane", long + "x"},
		{"backplane", long + "y"}, {"backplane", strings.Repeat(".", 2000)}, {"backplane", "%h" + long},
	}
	var drivers []*natsdriver.Driver
	var sessions []transport.Session
	for _, n := range names {
		d := closed(t, natsdriver.NewWithConfig(natsdriver.Config{Prefix: n.prefix}, server.URL()))
		drivers, sessions = append(drivers, d), append(sessions, listening(t, d, n.channel))
	}
	for i, d := range drivers {
		passes(t, d, sessions[i], names[i].channel, names[i].prefix)
	}
	for i, s := range sessions { // nothing else has arrived: the next message is the next one of its own
		passes(t, drivers[i], s, names[i].channel, "again")
	}
}

// The subject of a channel can be read, and is one that servers accept.
func TestSubjects(t *testing.T) {
	d := natsdriver.New("")
	require.Equal(t, "backplane.socket%2Eio#/chat", d.Subject("socket.io#/chat"))
	require.Equal(t, "backplane.%2A%20%3E", d.Subject("* >"))
	shop := natsdriver.NewWithConfig(natsdriver.Config{Prefix: "shop..*"}, "")
	require.Equal(t, "shop.%.%2A.a", shop.Subject("a"))
}

func FuzzSubject(f *testing.F) {
	f.Add("a", "b")
	f.Add("%2E", ".")
	f.Add(strings.Repeat("x", 1024), strings.Repeat("x", 1025))
	d := natsdriver.New("")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, other := d.Subject(a), d.Subject(b)
		require.Equal(t, a == b, one == other)
		token, ok := strings.CutPrefix(one, "backplane.")
		require.True(t, ok)
		require.NotEmpty(t, token)
		require.LessOrEqual(t, len(token), 1024)
		require.NotContains(t, token, ".")
		require.False(t, strings.ContainsAny(token, "*> \t\r\n\x00"))
	})
}
