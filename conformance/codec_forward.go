package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var forwardChecks = []check[*codecChecker]{
	{"ForwardedDataIsKept", "codec.Value",
		"A node can send on what it has parsed, in either form: the data stays encoded on the way. A message " +
			"that came from the store as binary may be sent as text.", forwardedDataIsKept},
	{"ParsedDataDecodes", "codec.Value.Decode",
		"Args and Value of a parsed envelope decode into Go types. That is what programs finally do with them.",
		parsedDataDecodes},
	{"RandomMessagesRoundTrip", "codec.Envelope",
		"Every combination of the fields of an Envelope arrives. A bug in one of a thousand messages occurs " +
			"every second in production.", randomMessagesRoundTrip},
}

func forwardedDataIsKept(c *codecChecker) {
	all := c.allSamples()
	for _, text := range rawTexts {
		all = append(all, c.carriers("the JSON "+quote(text), c.rawJSON(text), false)...)
	}
	for _, n := range []int{255, 256, 4096, 65_536, 70_000} {
		all = append(all, c.ackSample(fmt.Sprintf("a Unicode text of %d bytes", n), c.newValue(unicodeText(n))))
	}
	all = append(all, c.carriers("numbers", codec.FromTree(sampleNumbers()), false)...)
	all = append(all, c.carriers("numbers as other programs write them",
		c.rawJSON("[1e2,-0,9223372036854775807,18446744073709551615,-9007199254740993,0.1]"), false)...)
	all = append(all, c.yieldingSamples("another codec")...)
	for _, s := range all {
		c.expectForwarded(s)
	}
}

// expectForwarded fails the check unless a sample survives two nodes.
func (c *codecChecker) expectForwarded(s sample) {
	c.Helper()
	for _, f := range forms {
		p, ok := c.mustAppend(s, f)
		if !ok {
			continue
		}
		called := fmt.Sprintf("Append %s, %v form, Parse, Append", s.name, f)
		parsed := sample{s.name, c.mustParse(called, p, f), s.hasBytes}
		for _, g := range forms {
			if q, ok := c.mustAppend(parsed, g); ok {
				called := fmt.Sprintf("%s, %v form", called, g)
				c.expectSame(called+", Parse", s.env, c.mustParse(called, q, g))
			}
		}
	}
}

func parsedDataDecodes(c *codecChecker) {
	type user struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}
	want := user{"Ada", []string{"a", "b"}}
	env := &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", Args: c.newArgs("event", want, 7, "text")}
	answer := &codec.Envelope{Type: codec.BroadcastAck, UID: sampleUID, NSP: "/", RequestID: "1",
		Value: c.newValue(map[string]any{"image": []byte{0, 1, 2, 255}, "user": want})}
	for _, f := range forms {
		p, _ := c.mustAppend(sample{name: "BROADCAST", env: env}, f)
		called := fmt.Sprintf("Append BROADCAST of %+v, 7 and a text, %v form, Parse, Args.Decode", want, f)
		got := c.mustParse(called, p, f)
		var u user
		var n int
		var text string
		err := got.Args.Decode(&u, &n, &text)
		if err != nil || u.Name != want.Name || !slices.Equal(u.Tags, want.Tags) || n != 7 || text != "text" {
			c.fail(called, "the same values", "%+v, %d, %q and the error %v", u, n, text, err)
		}
		if p, ok := c.mustAppend(sample{"BROADCAST_ACK", answer, true}, f); ok {
			called := fmt.Sprintf("Append BROADCAST_ACK with bytes, %v form, Parse, Value.Decode", f)
			var got struct {
				Image []byte
				User  user
			}
			err := c.mustParse(called, p, f).Value.Decode(&got)
			if err != nil || string(got.Image) != "\x00\x01\x02\xff" || got.User.Name != want.Name {
				c.fail(called, "the same bytes", "%+v and the error %v", got, err)
			}
		}
	}
}

func randomMessagesRoundTrip(c *codecChecker) {
	seed := c.harness.Seed
	if seed == 0 {
		seed = 1
		if c.suite.soak {
			seed = uint64(time.Now().UnixNano())
		}
		c.Logf("CodecHarness.Seed: %d", seed)
	}
	g := newGenerator(seed)
	for i := range c.scale(1500, 200_000) {
		s := g.sample(fmt.Sprintf("random message %d of seed %d", i, seed))
		c.roundTrip(s)
		if i%4 == 0 {
			c.expectForwarded(s)
		}
	}
}
