package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
)

var codecUseChecks = []check[*codecChecker]{
	{"ConcurrentUse", "codec.Codec",
		"A Codec is safe for concurrent use, and so are the values it parsed. One codec serves all namespaces.",
		concurrentCodecUse},
	{"LaterCallsBehaveTheSame", "codec.Codec",
		"What a codec writes and reads depends on the message and on nothing else: the 5,000th call gives the " +
			"same result as the first. A server makes millions of calls.", laterCallsBehaveTheSame},
	{"GoldenMessages", "conformance.Golden",
		"The codec reads what another implementation wrote, and writes what the other reads, byte for byte. That " +
			"is the purpose of its wire format.", goldenMessages},
}

// yieldingEncoding is an encoding of JSON whose reader lets other goroutines run first. Wherever a codec
// decodes such data, other goroutines are in the middle of a call too, even with one processor.
type yieldingEncoding struct{}

func (yieldingEncoding) Name() string { return "interrupted" }

func (yieldingEncoding) Tree(p []byte) (any, error) {
	for range 20 {
		runtime.Gosched()
	}
	return codec.JSON.Tree(p)
}

// yieldingSamples returns messages with such data. Each word names their sender.
func (c *codecChecker) yieldingSamples(name string) (all []sample) {
	c.Helper()
	for i, n := range []int{1, 10, 300, 5000} {
		text := fmt.Sprintf("%s of %d, ", name, i)
		tree := []any{strings.Repeat(text, n/10+1), codec.Object{{Key: text, Value: text}}}
		p, err := codec.FromTree(tree).JSON()
		if err != nil {
			c.Fatalf("conformance: a tree as JSON: %v", err)
		}
		for _, s := range carriersOf("data of "+name+" in another encoding", codec.Raw(yieldingEncoding{}, p), false) {
			s.env.UID, s.env.NSP = name, "/"+name
			if len(s.env.Sockets) > 0 { // a socket after the one whose data yields
				s.env.Sockets = append(s.env.Sockets, codec.Socket{ID: text, Rooms: []string{text, name},
					Data: s.env.Sockets[0].Handshake})
			}
			all = append(all, s)
		}
	}
	return all
}

func concurrentCodecUse(c *codecChecker) {
	shared := c.samples()
	for _, n := range []int{4096, 70_000} {
		shared = append(shared, c.ackSample(fmt.Sprintf("a Unicode text of %d bytes", n), c.newValue(unicodeText(n))))
	}
	parsed := make([]*codec.Envelope, len(shared))
	for i, s := range shared {
		p, _ := c.mustAppend(s, codec.Binary)
		parsed[i] = c.mustParse("Append "+s.name, p, codec.Binary)
	}
	peeker, peeks := c.codec.(codec.Peeker)
	try := func(s sample) error {
		c.noteCall("Append and Parse on 8 goroutines, last " + s.name)
		for _, f := range forms {
			p, err := c.codec.Append(nil, s.env, f)
			if err != nil {
				return fmt.Errorf("appending %s: %w", s.name, err)
			}
			if peeks && peeker.SentBy(p, f, s.env.UID+"x") {
				return fmt.Errorf("SentBy returns true for %s and another sender", s.name)
			}
			env, err := c.codec.Parse(p, f)
			if err != nil {
				return fmt.Errorf("parsing %s: %w", s.name, err)
			}
			if d := diffEnvelopes(s.env, env); d != nil {
				return fmt.Errorf("%s of %s is %s instead of %s", d.where, s.name, d.got, d.want)
			}
		}
		return nil
	}
	var waits []func() error
	for g := range 8 {
		all := append(c.yieldingSamples(fmt.Sprint("sender ", g)), shared...)
		waits = append(waits, c.runAlongside(func() error {
			for i := range c.scale(4, 40) * len(all) {
				if err := try(all[(i+g*5)%len(all)]); err != nil {
					return err
				}
				if k := i % len(shared); i%7 == 0 {
					if d := diffEnvelopes(shared[k].env, parsed[k]); d != nil {
						return fmt.Errorf("%s of a shared envelope is %s instead of %s", d.where, d.got, d.want)
					}
				}
			}
			return nil
		}))
	}
	c.waitAll("8 goroutines call Append, Parse and SentBy", waits)
	c.parseConcurrently()
}

// waitAll waits for goroutines and fails the check with the first error.
func (c *codecChecker) waitAll(called string, waits []func() error) {
	c.Helper()
	var first error
	for _, wait := range waits {
		if err := wait(); err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		c.fail(called, "no error", "the error %q", first)
	}
}

// parseConcurrently parses messages of several senders until other goroutines have run during a Parse often
// enough. With one processor, that needs long messages and goroutines that do nothing else.
func (c *codecChecker) parseConcurrently() {
	c.Helper()
	var last, overlaps atomic.Int64
	var waits []func() error
	for g := range 4 {
		name := fmt.Sprint("sender ", g)
		s := c.ackSample("a long text of "+name, c.newValue(unicodeText(100_000+g)))
		s.env.UID, s.env.NSP = name, "/"+name
		f := forms[g%2]
		p, _ := c.mustAppend(s, f)
		waits = append(waits, c.runAlongside(func() error {
			for i := 0; overlaps.Load() < int64(c.scale(30, 300)) && i < c.scale(10_000, 1_000_000); i++ {
				c.noteCall("Parse on 4 goroutines, last " + s.name)
				last.Store(int64(g))
				env, err := c.codec.Parse(p, f)
				if err != nil {
					return fmt.Errorf("parsing %s: %w", s.name, err)
				}
				if last.Load() != int64(g) {
					overlaps.Add(1)
				} else if i%8 > 0 {
					continue
				}
				if d := diffEnvelopes(s.env, env); d != nil {
					return fmt.Errorf("%s of %s is %s instead of %s", d.where, s.name, d.got, d.want)
				}
			}
			return nil
		}))
	}
	c.waitAll("4 goroutines call Parse", waits)
}

func laterCallsBehaveTheSame(c *codecChecker) {
	var all []sample
	large := c.ackSample("a text of 5000 bytes", c.newValue(asciiText(5000)))
	for _, s := range append(c.samples(), c.referenceSamples()[:2]...) { // every other one is a broadcast
		all = append(all, sample{name: "BROADCAST", env: &codec.Envelope{Type: codec.Broadcast, UID: sampleUID,
			NSP: "/", Args: c.newArgs("event", len(all), "text"), Opts: codec.Opts{Rooms: []string{"room"}}}}, s)
	}
	all = append(all, large)
	peeker, peeks := c.codec.(codec.Peeker)
	var buffer []byte
	for i := range c.scale(11_000, 500_000) {
		s := all[i%len(all)]
		for _, f := range forms {
			called := fmt.Sprintf("Append %s, %v form, call %d", s.name, f, i+1)
			p, err := c.appendSample(buffer[:0], s, f)
			if err != nil {
				c.fail(called, "no error", "the error %q", err)
			}
			buffer = p
			for _, uid := range []string{s.env.UID, otherUID, s.env.UID} {
				if want := uid == s.env.UID; peeks && peeker.SentBy(p, f, uid) != want {
					c.fail(called+", SentBy "+quote(uid), fmt.Sprint(want), "%v", !want)
				}
			}
			c.expectSame(called+", Parse", s.env, c.mustParse(called, p, f))
		}
	}
}

func goldenMessages(c *codecChecker) {
	if len(c.harness.Golden) == 0 {
		c.Skip("CodecHarness.Golden is empty: not checked")
	}
	for _, g := range c.harness.Golden {
		called := fmt.Sprintf("the golden message %s, %v form", quote(g.Name), g.Format)
		env, err := c.parse(called, bytes.Clone(g.Bytes), g.Format)
		switch {
		case g.Envelope == nil && !errors.Is(err, codec.ErrMalformed):
			c.fail(called+", Parse", "an error that wraps ErrMalformed", "%+v and the error %v", env, err)
		case g.Envelope == nil:
			continue
		case err != nil:
			c.fail(called+", Parse", "no error", "the error %q", err)
		}
		c.expectSame(called+", Parse", g.Envelope, env)
		if g.Written {
			p, err := c.appendSample(nil, sample{g.Name, g.Envelope, true}, g.Format)
			if err != nil || !bytes.Equal(p, g.Bytes) {
				c.fail(called+", Append", quote(string(g.Bytes)), "%s and the error %v", quote(string(p)), err)
			}
		}
	}
}
