package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var forwardChecks = []check[*codecCase]{
	{"ForwardedDataIsKept", "What one node parsed it can send on, in either form: data stays encoded on its way through. A message that came from the " +
		"store as binary may go out as text.", forwardedDataIsKept},
	{"ParsedDataDecodes", "Args and Value of a parsed envelope decode into Go's types. That is what a program finally does with them.", parsedDataDecodes},
	{"RandomMessagesRoundTrip", "Whatever an Envelope can say arrives, in any combination. What is wrong with one in a thousand messages is wrong every second in production.",
		randomMessagesRoundTrip},
}

func forwardedDataIsKept(c *codecCase) {
	all := c.all()
	for _, text := range rawTexts {
		all = append(all, c.carriers("the JSON "+quote(text), c.raw(text), false)...)
	}
	for _, n := range []int{255, 256, 4096, 65_536, 70_000} {
		all = append(all, c.answer(fmt.Sprintf("a Unicode text of %d bytes", n), c.value(unicodeText(n))))
	}
	all = append(all, c.carriers("numbers", codec.FromTree(treeNumbers()), false)...)
	all = append(all, c.carriers("numbers as they are written", c.raw("[1e2,-0,9223372036854775807,18446744073709551615,-9007199254740993,0.1]"), false)...)
	all = append(all, c.interruptions("another codec")...)
	for _, s := range all {
		c.forward(s)
	}
}

// forward proves that a sample survives two nodes.
func (c *codecCase) forward(s sample) {
	c.Helper()
	for _, f := range forms {
		p, ok := c.write(s, f)
		if !ok {
			continue
		}
		called := fmt.Sprintf("Append %s, %v form, Parse, Append", s.name, f)
		parsed := sample{s.name, c.read(called, p, f), s.binary}
		for _, g := range forms {
			if q, ok := c.write(parsed, g); ok {
				called := fmt.Sprintf("%s, %v form", called, g)
				c.expect(called+", Parse", s.env, c.read(called, q, g))
			}
		}
	}
}

func parsedDataDecodes(c *codecCase) {
	type user struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}
	want := user{"Ada", []string{"a", "b"}}
	env := &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", Args: c.args("event", want, 7, "text")}
	answer := &codec.Envelope{Type: codec.BroadcastAck, UID: sampleUID, NSP: "/", RequestID: "1", Value: c.value(map[string]any{"image": []byte{0, 1, 2, 255}, "user": want})}
	for _, f := range forms {
		p, _ := c.write(sample{name: "BROADCAST", env: env}, f)
		called := fmt.Sprintf("Append BROADCAST of %+v, 7 and a text, %v form, Parse, Args.Decode", want, f)
		got := c.read(called, p, f)
		var u user
		var n int
		var text string
		err := got.Args.Decode(&u, &n, &text)
		if err != nil || u.Name != want.Name || !slices.Equal(u.Tags, want.Tags) || n != 7 || text != "text" {
			c.fail(called, "the same", "%+v, %d, %q and the error %v", u, n, text, err)
		}
		if p, ok := c.write(sample{"BROADCAST_ACK", answer, true}, f); ok {
			called := fmt.Sprintf("Append BROADCAST_ACK with bytes, %v form, Parse, Value.Decode", f)
			var got struct {
				Image []byte
				User  user
			}
			err := c.read(called, p, f).Value.Decode(&got)
			if err != nil || string(got.Image) != "\x00\x01\x02\xff" || got.User.Name != want.Name {
				c.fail(called, "the same bytes", "%+v and the error %v", got, err)
			}
		}
	}
}

func randomMessagesRoundTrip(c *codecCase) {
	seed := c.harness.Seed
	if seed == 0 {
		seed = 1
		if c.trial.soak {
			seed = uint64(time.Now().UnixNano())
		}
		c.Logf("CodecHarness.Seed: %d", seed)
	}
	g := newGenerator(seed)
	for i := range c.scale(1500, 200_000) {
		s := g.sample(fmt.Sprintf("random message %d of the seed %d", i, seed))
		c.roundTrip(s)
		if i%4 == 0 {
			c.forward(s)
		}
	}
}
