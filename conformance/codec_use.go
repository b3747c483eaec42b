package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var codecUseChecks = []check[*codecCase]{
	{"PeekAgreesWithParse", "If SentBy says yes, Parse finds this sender. The cluster drops its own messages by it without reading on: a yes about another's " +
		"loses a peer's message.", peekAgreesWithParse},
	{"PeekIsCalm", "SentBy does not validate, but it never panics either. It sees foreign bytes first.", peekIsCalm},
	{"ConcurrentUse", "A Codec is safe for concurrent use, and so are the values it parsed. There is one for all namespaces.", concurrentCodecUse},
	{"GoldenMessages", "What another implementation wrote is read, and what it reads is written, byte for byte. That is what the codec's wire is for.", goldenMessages},
}

func (c *codecCase) peeker() codec.Peeker {
	c.Helper()
	p, ok := c.codec.(codec.Peeker)
	if !ok {
		c.Skip("the codec is no codec.Peeker")
	}
	return p
}

// peek asks about p and returns for which of uids SentBy says yes.
func (c *codecCase) peek(peeker codec.Peeker, called string, p []byte, f codec.Format, uids ...string) (yes []string) {
	c.Helper()
	for _, uid := range uids {
		c.calm(called+", SentBy "+quote(uid), func() {
			if peeker.SentBy(p, f, uid) {
				yes = append(yes, uid)
			}
		})
	}
	return yes
}

func peekAgreesWithParse(c *codecCase) {
	peeker := c.peeker()
	all := c.all()
	for _, nsp := range append([]string{""}, curious...) {
		all = append(all,
			sample{name: "HEARTBEAT of " + quote(nsp), env: &codec.Envelope{Type: codec.Heartbeat, UID: codec.EmitterUID, NSP: nsp}},
			sample{name: "BROADCAST of " + quote(nsp), env: &codec.Envelope{Type: codec.Broadcast, UID: "u" + nsp, NSP: nsp, Args: c.args("e", map[string]any{"uid": "x", "type": 1, "nsp": "y"})}})
	}
	for _, s := range all {
		for _, f := range forms {
			if p, ok := c.write(s, f); ok {
				c.comparePeek(peeker, fmt.Sprintf("Append %s, %v form", s.name, f), p, f)
			}
		}
	}
	for _, g := range c.harness.Golden {
		if g.Envelope != nil {
			c.comparePeek(peeker, "the golden message "+quote(g.Name), g.Bytes, g.Format)
		}
	}
}

// comparePeek asks whether p is from its sender, and whether it is from others who could be taken for it.
func (c *codecCase) comparePeek(peeker codec.Peeker, called string, p []byte, f codec.Format) {
	c.Helper()
	env := c.read(called, bytes.Clone(p), f)
	uids := []string{env.UID, "", env.UID + "x", env.NSP, env.RequesterUID, "x", codec.EmitterUID}
	if env.UID != "" {
		uids = append(uids, env.UID[:len(env.UID)-1], env.UID[1:])
	}
	escaped, _ := json.Marshal(env.UID) // cannot fail
	uids = append(uids, string(escaped[1:len(escaped)-1]), string(bytes.ReplaceAll(escaped[1:len(escaped)-1], []byte(`\`), nil)))
	for _, uid := range c.peek(peeker, called, p, f, uids...) {
		if uid != env.UID {
			c.fail(called+", SentBy "+quote(uid), "false: Parse finds "+quote(env.UID), "true")
		}
	}
}

func peekIsCalm(c *codecCase) {
	peeker := c.peeker()
	uids := []string{"", "u", strings.Repeat("u", 1000)}
	for _, f := range forms {
		for _, g := range garbage() {
			c.peek(peeker, fmt.Sprintf("foreign bytes %s, %v form", quote(g), f), []byte(g), f, uids...)
		}
		names, all := c.written(f)
		for i, p := range all {
			own := c.read(names[i], bytes.Clone(p), f).UID
			for n := range p {
				called := fmt.Sprintf("%s, %v form, broken at byte %d of %d", names[i], f, n, len(p))
				c.peek(peeker, called, bytes.Clone(p[:n]), f, append(uids, own)...)
				q := bytes.Clone(p)
				q[n] ^= 0xff
				c.peek(peeker, called, q, f, append(uids, own)...)
				if _, err := c.codec.Parse(bytes.Clone(q), f); err == nil {
					c.comparePeek(peeker, called, q, f)
				}
			}
		}
	}
}

func concurrentCodecUse(c *codecCase) {
	all := c.samples()
	shared, _ := c.write(all[2], codec.Text)
	parsed := c.read("Append "+all[2].name, shared, codec.Text)
	var waits []func() error
	for g := range 4 {
		waits = append(waits, c.meanwhile(func() error {
			for i := range all {
				s := all[(i+g*5)%len(all)]
				for _, f := range forms {
					p, err := c.codec.Append(nil, s.env, f)
					if err != nil {
						return fmt.Errorf("appending %s: %w", s.name, err)
					}
					env, err := c.codec.Parse(p, f)
					if err != nil {
						return fmt.Errorf("parsing %s: %w", s.name, err)
					}
					if d := differ(s.env, env); d != nil {
						return fmt.Errorf("%s of %s is %s instead of %s", d.where, s.name, d.got, d.want)
					}
				}
				if d := differ(all[2].env, parsed); d != nil {
					return fmt.Errorf("%s of a shared envelope is %s instead of %s", d.where, d.got, d.want)
				}
			}
			return nil
		}))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			c.fail("4 goroutines Append and Parse", "no error", "the error %q", err)
		}
	}
}

func goldenMessages(c *codecCase) {
	if len(c.harness.Golden) == 0 {
		c.Skip("CodecHarness.Golden is empty: not proven")
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
		c.expect(called+", Parse", g.Envelope, env)
		if g.Written {
			p, err := c.append(nil, sample{g.Name, g.Envelope, true}, g.Format)
			if err != nil || !bytes.Equal(p, g.Bytes) {
				c.fail(called+", Append", quote(string(g.Bytes)), "%s and the error %v", quote(string(p)), err)
			}
		}
	}
}
