package socketio_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

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
