package clients_test

import (
	"bytes"
	"strings"

	"github.com/stretchr/testify/require"
)

// limit is the maximum payload in these scenarios. An event ["up","…"] with n bytes of text takes n + overhead.
const (
	limit    = 100_000
	overhead = len(`42["up",""]`)
)

// sizeScenarios are about large payloads.
var sizeScenarios = []scenario{
	{name: "LargestPayloadsUp", config: config{maxPayload: limit}, over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		require.Equal(f, limit, c.state().MaxPayload)
		for _, n := range []int{limit - overhead - 1, limit - overhead} {
			text := strings.Repeat("x", n)
			c.emit("up", text)
			f.heard(c, "up", text)
			c.ask("nothing") // so that the next payload has nothing else
			f.heard(c, "nothing")
		}
		// base64 in a payload takes a third more
		binary := bytes.Repeat([]byte{7}, limit*3/4-10)
		c.emit("up", binary)
		f.heard(c, "up", binary)
	}},
	{name: "PayloadOfLettersCountsBytes", config: config{maxPayload: limit}, over: everyTransport,
		run: func(f *fixture) {
			c := f.connect(clientSpec{})
			text := strings.Repeat("ü", (limit-overhead)/2)
			c.emit("up", text)
			f.heard(c, "up", text)
		}},
	{name: "TooLargePayloadDisconnects", config: config{maxPayload: limit}, over: everyTransport,
		run: func(f *fixture) {
			healthy := f.connect(clientSpec{})
			for _, args := range [][]any{{strings.Repeat("x", limit-overhead+1)}, {strings.Repeat("x", 10*limit)},
				{bytes.Repeat([]byte{1}, limit+1)}} {
				c := f.connect(clientSpec{})
				if f.transports[0] == "polling" && len(f.transports) == 2 {
					c.upgraded()
				}
				c.emit("up", args...)
				require.Contains(f, []string{"transport close", "transport error"}, c.disconnected())
				reason := f.gone(c)
				require.Contains(f, []string{"transport close", "transport error"}, reason)
				for _, e := range f.server.reports().Take() {
					require.False(f, e.What == "event" && e.ID == c.id,
						"the server must not handle events of a refused payload, but handled %.100v", e)
				}
				healthy.ask("nothing")
			}
		}},
	{name: "SmallPacketsAreSplitIntoPayloads", config: config{maxPayload: 2000}, over: everyTransport,
		run: func(f *fixture) {
			c := f.connect(clientSpec{})
			c.do("burst", map[string]any{"event": strings.Repeat("long", 50), "count": 200})
			for i := range 200 {
				f.heard(c, strings.Repeat("long", 50), i)
			}
		}},
	// the limit does not apply to what the server sends
	{name: "LargePayloadsDown", config: config{maxPayload: 20_000}, over: append(everyTransport, fetchOnly),
		run: func(f *fixture) {
			c := f.connect(clientSpec{})
			text, piece, binary := longText(300_000), longText(25_000), bytes.Repeat([]byte{0, 1, 2, 3, 254}, 40_000)
			f.must(emit("text", text).of(c.id))
			c.expect("text", text)
			f.must(emit("binary", binary, []any{binary}))
			c.expect("binary", binary, []any{binary})
			for i := range 20 {
				f.must(emit("piece", i, piece).of(c.id))
			}
			for i := range 20 {
				c.expect("piece", i, piece)
			}
		}},
}
