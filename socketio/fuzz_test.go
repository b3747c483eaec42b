package socketio_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// FuzzSessions looks up sessions and events by arbitrary pids and offsets. Only known ones are found, and the
// result has all events after the offset.
func FuzzSessions(f *testing.F) {
	sessions := socketio.NewMemorySessions(socketio.MemorySessionsConfig{MaxDisconnection: time.Hour, MaxEvents: 100})
	offsets := make(map[string]int) // number of events after the offset
	const kept = 100
	for i := range 150 {
		args, err := backplane.NewArgs("x", i)
		require.NoError(f, err)
		offset := sessions.Append("/", socketio.SessionEvent{Args: args})
		offsets[offset] = 150 - 1 - i
		f.Add("pid", offset)
		f.Add("pid", strings.ToUpper(offset))
		f.Add(offset, "pid")
	}
	for _, seed := range []string{"", "0", "-1", "+1", "zzzzzzzzzzzzzzzzzzzzzzzz", "\x00", "pid", "9223372036854775808",
		"1_0"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, pid, offset string) {
		sessions.Save("/", socketio.Session{PID: "pid", ID: "id", Rooms: []string{"id"}})
		behind, known := offsets[offset]
		known = known && behind <= kept
		missed, ok := sessions.Missed("/", offset, []string{"id"})
		if ok { // an offset can be written in several ways, but evicted events must not be missed unnoticed
			require.LessOrEqual(t, len(missed), kept)
		}
		if known {
			require.True(t, ok)
			require.Len(t, missed, behind)
		}
		_, ok = sessions.Restore("/other", pid, offset)
		require.False(t, ok, "the session must not be found in another namespace")
		s, restored := sessions.Restore("/", pid, offset)
		require.True(t, !restored || pid == "pid")
		if pid == "pid" && known {
			require.True(t, restored)
			require.Equal(t, "id", s.ID)
			_, again := sessions.Restore("/", pid, offset)
			require.False(t, again, "a session must be restored only once")
		}
	})
}

// FuzzRecovery joins a server with recovery with arbitrary auth payloads. The client is greeted as a new client, or
// disconnected if the payload is invalid.
func FuzzRecovery(f *testing.F) {
	n := serve(f, func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} })
	n.OnConnection(func(s *socketio.Socket) { assert.False(f, s.Recovered()) })
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"pid":"x","offset":"y"}`, `{"pid":1,"offset":2}`, `{"pid":null,"offset":null}`,
		`{"pid":"x"}`, `{"PID":"x","OFFSET":"y"}`,
		`{"pid":"x","offset":{"a":1}}`, `{"pid":"x","pid":["x"],"offset":"y"}`, `{"pid":"\ud800","offset":"\u0000"}`,
		`{`, `{"pid":"x","offset":"y"}{}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, auth string) {
		if len(auth) > 60<<10 || auth != "" && auth[0] != '{' {
			return // a different packet
		}
		p := dial(t, n)
		p.send("0%s", auth)
		answer := p.next()
		if json.Valid([]byte(auth)) || auth == "" {
			// a value may be nested too deep
			require.True(t, strings.HasPrefix(answer, `0{"sid":"`) || answer == "closed", answer)
		} else {
			require.Equal(t, "closed", answer)
		}
		_ = p.conn.Close()
	})
}
